// Helpers of the fuzz targets: see support.h.

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/image.h"
#include "tests/fuzz/support.h"

namespace vitrine::fuzz {

namespace fs = std::filesystem;

namespace {

class ScratchFolder {
  public:
    ScratchFolder() {
        const fs::path memory = "/dev/shm";
        std::string name =
            ((fs::is_directory(memory) ? memory : fs::temp_directory_path()) / "vitrine-fuzz-XXXXXX");
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the fuzz targets");
        path_ = name;
    }
    ~ScratchFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

}  // namespace

const fs::path& scratch_folder() {
    static const ScratchFolder folder;
    return folder.path();
}

void write_file(const fs::path& file, Bytes bytes) {
    fs::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!stream.flush()) throw std::runtime_error("cannot write " + file.string());
}

void decode(Bytes input, std::string_view magic) {
    std::vector<uint8_t> bytes(input.begin(), input.end());
    bytes.resize(std::max(bytes.size(), magic.size()));
    std::copy(magic.begin(), magic.end(), bytes.begin());
    try {
        const Image image = decode_image(bytes, "input", Turning::upright);
        if (image.pixels.size() != static_cast<size_t>(3 * image.height * image.width))
            throw std::logic_error("an image with more or fewer pixels than its size says");
    } catch (const ImageError&) {
    }
}

void load_with_one_replaced(Bytes input, const Files& files, const std::string& kind) {
    if (input.empty()) return;
    const fs::path folder = scratch_folder() / kind;
    const auto replaced = std::next(files.begin(), input[0] % static_cast<int>(files.size()));
    for (const auto& [name, content] : files) {
        if (name == replaced->first) {
            write_file(folder / name, input.subspan(1));
        } else if (!fs::exists(folder / name)) {
            write_file(folder / name, content);
        }
    }
    DatasetOptions options;
    options.path = folder;
    options.kind = kind;
    options.threads = 1;
    try {
        read_all(load_dataset(options));
    } catch (const Error&) {
    }
    write_file(folder / replaced->first, replaced->second);
}

void read_all(const Dataset& dataset) {
    for (const ImageSet* set : {&dataset.train, &dataset.validation}) {
        uint64_t sum = 0;
        for (int64_t i = 0; i < set->count; ++i) {
            const uint8_t* pixels = set->image(i);
            sum = std::accumulate(pixels, pixels + set->place(i).bytes(), sum);
            const int32_t label = set->labels.at(static_cast<size_t>(i));
            if (label < 0 || label >= static_cast<int32_t>(dataset.class_names.size()))
                throw std::logic_error("a label without a class");
        }
        const volatile uint64_t kept = sum;  // so that the pixels are read
        static_cast<void>(kept);
    }
}

}  // namespace vitrine::fuzz
