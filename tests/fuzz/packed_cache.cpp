// The packed cache of two images of 1 x 1 pixel, with contents that lie under checksums that are right: the
// input is the header without its padding, and all that follows the pixels.

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "data/cache_file.h"
#include "data/file_listing.h"
#include "tests/fuzz/support.h"

namespace {

using namespace vitrine;
namespace fs = std::filesystem;

constexpr size_t pixel_bytes = 2 * 3;
constexpr size_t records_at = cache_pixels_offset + pixel_bytes;

/// A folder with a sound image and a damaged one, and its cache.
class Cache {
  public:
    Cache() {
        const std::string image = "P6 1 1 255 abc", damaged = "P6 1 1 255 ";
        fuzz::write_file(root_ / "a.ppm", bytes_of(image));
        fuzz::write_file(root_ / "b.ppm", bytes_of(damaged));
        files_ = list_images(root_, "").images;
        options_.image_size = 1;
        options_.cache_folder = fuzz::scratch_folder() / "cache";
        options_.threads = 1;
        place_ = cache_file(options_.cache_folder, root_, options_.image_size);
        open();
        std::ifstream stream(place_, std::ios::binary);
        sound_.assign(std::istreambuf_iterator<char>(stream), {});
    }

    void open_with(fuzz::Bytes input) {
        std::vector<uint8_t> bytes = sound_;
        if (input.size() > sizeof(CacheHeader)) {
            bytes.resize(records_at);
            bytes.insert(bytes.end(), input.begin() + sizeof(CacheHeader), input.end());
        }
        CacheHeader header, sound;
        std::memcpy(&sound, sound_.data(), sizeof sound);
        header = sound;
        if (!input.empty()) std::memcpy(&header, input.data(), std::min(input.size(), sizeof header));
        header.key = sound.key;
        header.pixels_hash = sound.pixels_hash;
        header.file_bytes = bytes.size();
        header.records_hash = XXH3_64bits(&bytes[records_at], bytes.size() - records_at);
        header.header_hash = XXH3_64bits(&header, offsetof(CacheHeader, header_hash));
        std::memcpy(bytes.data(), &header, sizeof header);
        fuzz::write_file(place_, bytes);
        open();
    }

  private:
    static fuzz::Bytes bytes_of(const std::string& text) {
        return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    }

    /// Whatever the cache says, what comes of it has a pixel block for both files and names only files that
    /// exist.
    void open() const {
        const PackedImages packed = pack_images(root_, files_, options_);
        if (packed.pixels.images != 2) throw std::logic_error("another number of images");
        for (const UndecodedFile& file : packed.undecoded) {
            if (file.index < 0 || file.index > 1) throw std::logic_error("a file that is not there");
        }
        if (packed.pixels.data[0] != 'a') throw std::logic_error("another pixel");
    }

    fs::path root_ = fuzz::scratch_folder() / "images";
    fs::path place_;
    std::vector<ImageFile> files_;
    PackOptions options_;
    std::vector<uint8_t> sound_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Cache cache;
    cache.open_with({data, size});
    return 0;
}
