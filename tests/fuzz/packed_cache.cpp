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
#include "data/pixel_slots.h"
#include "tests/fuzz/support.h"

namespace {

using namespace vitrine;
namespace fs = std::filesystem;

constexpr size_t records_at = cache_pixels_offset + slot_bytes(3);  // of the one image that is sound

/// A folder with a sound image and a damaged one, and its cache.
class Cache {
  public:
    Cache() {
        const std::string image = "P6 1 1 255 abc", damaged = "P6 1 1 255 ";
        fuzz::write_file(root_ / "a.ppm", bytes_of(image));
        fuzz::write_file(root_ / "b.ppm", bytes_of(damaged));
        files_ = list_images(root_, "").images;
        options_.keeping.side = 1;
        options_.cache_folder = fuzz::scratch_folder() / "cache";
        options_.threads = 1;
        place_ = cache_file(options_.cache_folder, root_, options_.keeping);
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
        header.file_bytes = bytes.size();
        // Where the header says that the records are.
        const size_t behind = bytes.size() - cache_pixels_offset;
        const size_t begin = cache_pixels_offset + std::min<size_t>(header.pixel_bytes, behind);
        header.records_hash = XXH3_64bits(bytes.data() + begin, bytes.size() - begin);
        header.header_hash = XXH3_64bits(&header, offsetof(CacheHeader, header_hash));
        std::memcpy(bytes.data(), &header, sizeof header);
        fuzz::write_file(place_, bytes);
        open();
    }

  private:
    static fuzz::Bytes bytes_of(const std::string& text) {
        return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    }

    /// Whatever the cache says, what comes of it has a place for both files and names only files that exist. Its
    /// pixels can be read, or are damaged.
    void open() const {
        const PackedImages packed = pack_images(root_, files_, options_);
        if (packed.pixels.images != 2) throw std::logic_error("another number of images");
        std::vector<bool> decoded(2, true);
        for (const UndecodedFile& file : packed.undecoded)
            decoded.at(static_cast<size_t>(file.index)) = false;
        for (int64_t row = 0; row < 2; ++row) {
            if (decoded[static_cast<size_t>(row)]) read(packed.pixels, row);
        }
    }

    static void read(const PixelBlock& pixels, int64_t row) {
        const ImageSet set{1, 0, 0, {0}, {row}, pixels};
        try {
            set.fetch(std::vector<int64_t>{0});
            const uint8_t* image = set.image(0);
            if (set.place(0).bytes() != 3) throw std::logic_error("another size");
            const volatile int sum = image[0] + image[1] + image[2];  // so that they are read
            static_cast<void>(sum);
        } catch (const Error&) {
        }
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
