// Helpers of the data tests: see support.h.

#include "tests/data/support.h"

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>

#include "tests/folders.h"

namespace vitrine::test {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
    static std::atomic<int> number = 0;
    path_ = fs::temp_directory_path() /
            ("vitrine-data-test-" + std::to_string(getpid()) + "-" + std::to_string(number++));
    fs::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

fs::path golden_images() { return tests::repository() / "tests" / "golden" / "images"; }

fs::path golden_formats() { return tests::repository() / "tests" / "golden" / "formats"; }

Bytes read_bytes(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw std::runtime_error("cannot read " + file.string());
    return {std::istreambuf_iterator<char>(stream), {}};
}

void write_bytes(const fs::path& file, const Bytes& bytes) {
    fs::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!stream) throw std::runtime_error("cannot write " + file.string());
}

void write_text(const fs::path& file, const std::string& text) {
    write_bytes(file, Bytes(text.begin(), text.end()));
}

Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

void put_big_endian(Bytes& bytes, size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

std::string decode_error(const Bytes& bytes) {
    return error_of([&] { decode_image(bytes, "folder/file"); });
}

Image read_golden(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string magic;
    int64_t width = 0, height = 0, maximum = 0;
    stream >> magic >> width >> height >> maximum;
    stream.get();
    Image image{height, width, Bytes(static_cast<size_t>(3 * width * height))};
    stream.read(reinterpret_cast<char*>(image.pixels.data()),
                static_cast<std::streamsize>(image.pixels.size()));
    if (!stream || magic != "P6" || maximum != 255)
        throw std::runtime_error("bad golden file " + file.string());
    return image;
}

void write_image(const fs::path& file, int64_t height, int64_t width, uint8_t red, uint8_t green,
                 uint8_t blue) {
    const std::string header = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
    Bytes bytes(header.begin(), header.end());
    for (int64_t i = 0; i < height * width; ++i) bytes.insert(bytes.end(), {red, green, blue});
    write_bytes(file, bytes);
}

void write_image_folder(const fs::path& root) {
    const std::vector<std::string> classes = {"ant", "bee", "cat"};
    for (size_t c = 0; c < classes.size(); ++c) {
        for (size_t i = 0; i < 4; ++i) {
            const auto red = static_cast<uint8_t>(50 * c + i);
            const std::string name = std::to_string(i) + ".ppm";
            write_image(root / "train" / classes[c] / name, 8, 8, red, 100, 7);
            if (i < 2) write_image(root / "val" / classes[c] / name, 8, 8, red, 200, 7);
        }
    }
}

Bytes pixels_of(const PackedImages& packed, size_t row) {
    const ImagePlace& place = packed.pixels.places->at(row);
    const uint8_t* first = packed.pixels.data + place.offset;
    return {first, first + place.bytes()};
}

DatasetOptions folder_options(const fs::path& path, const fs::path& cache) {
    DatasetOptions options;
    options.path = path;
    options.cache_folder = cache;
    options.image_size = 8;
    options.threads = 2;
    return options;
}

}  // namespace vitrine::test
