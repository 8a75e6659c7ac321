// MNIST and Fashion-MNIST files: reading, and every way in which they can be wrong.

#include <doctest/doctest.h>
#include <zlib.h>

#include "data/dataset.h"
#include "data/resize.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

void add_big_endian(Bytes& bytes, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
}

/// `count` images of `rows` x `columns`; pixel p of image i is 10·i + p.
Bytes idx_images(uint32_t count, uint32_t rows, uint32_t columns, uint32_t magic = 2051) {
    Bytes bytes;
    for (const uint32_t value : {magic, count, rows, columns}) add_big_endian(bytes, value);
    for (uint32_t i = 0; i < count; ++i) {
        for (uint32_t p = 0; p < rows * columns; ++p) bytes.push_back(static_cast<uint8_t>(10 * i + p));
    }
    return bytes;
}

Bytes idx_labels(const Bytes& labels, uint32_t magic = 2049) {
    Bytes bytes;
    add_big_endian(bytes, magic);
    add_big_endian(bytes, static_cast<uint32_t>(labels.size()));
    bytes.insert(bytes.end(), labels.begin(), labels.end());
    return bytes;
}

void write_gzip(const fs::path& file, const Bytes& bytes) {
    fs::create_directories(file.parent_path());
    const gzFile stream = gzopen(file.c_str(), "wb");
    gzwrite(stream, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(stream);
}

void write_set(const fs::path& folder) {
    write_bytes(folder / "train-images-idx3-ubyte", idx_images(4, 3, 5));
    write_bytes(folder / "train-labels-idx1-ubyte", idx_labels({9, 0, 3, 3}));
    write_bytes(folder / "t10k-images-idx3-ubyte", idx_images(2, 3, 5));
    write_bytes(folder / "t10k-labels-idx1-ubyte", idx_labels({1, 2}));
}

Dataset load(const fs::path& folder, int64_t image_size = 0) {
    DatasetOptions options;
    options.path = folder;
    options.image_size = image_size;
    return load_dataset(options);
}

std::string load_error(const fs::path& folder) {
    return error_of([&] { load(folder); });
}

}  // namespace

TEST_CASE("IDX files become gray images in three channels") {
    const TemporaryFolder folder;
    write_set(folder.path());
    const Dataset dataset = load(folder.path());
    CHECK(dataset.kind == "mnist");
    CHECK(dataset.class_names.size() == 10);
    CHECK(dataset.train.count == 4);
    CHECK(dataset.train.height == 3);
    CHECK(dataset.train.width == 5);
    CHECK(dataset.train.labels == std::vector<int32_t>{9, 0, 3, 3});
    CHECK(dataset.validation.count == 2);
    CHECK(dataset.validation.labels == std::vector<int32_t>{1, 2});
    for (int64_t i = 0; i < 4; ++i) {
        for (int64_t p = 0; p < 15; ++p) {
            for (int64_t c = 0; c < 3; ++c) CHECK(dataset.train.image(i)[3 * p + c] == 10 * i + p);
        }
    }
}

TEST_CASE("IDX files may be compressed, named with a dot, in torchvision's subfolder") {
    const TemporaryFolder folder;
    const fs::path raw = folder.path() / "FashionMNIST" / "raw";
    write_gzip(raw / "train-images-idx3-ubyte.gz", idx_images(4, 3, 5));
    write_gzip(raw / "train-labels.idx1-ubyte.gz", idx_labels({9, 0, 3, 3}));
    write_bytes(raw / "t10k-images.idx3-ubyte", idx_images(2, 3, 5));
    write_bytes(raw / "t10k-labels-idx1-ubyte", idx_labels({1, 2}));
    const Dataset dataset = load(folder.path());
    CHECK(dataset.kind == "fashion_mnist");
    CHECK(dataset.class_names[9] == "Ankle boot");
    CHECK(dataset.train.count == 4);
    CHECK(dataset.train.image(3)[0] == 30);
}

TEST_CASE("IDX images are resized when a size is asked for") {
    const TemporaryFolder folder;
    write_set(folder.path());
    const Dataset native = load(folder.path());
    const Dataset resized = load(folder.path(), 8);
    CHECK(resized.train.height == 8);
    CHECK(resized.train.width == 8);
    const Image source{3, 5, Bytes(native.train.image(2), native.train.image(2) + 45)};
    CHECK(Bytes(resized.train.image(2), resized.train.image(2) + 192) == resize_and_crop(source, 8).pixels);
}

TEST_CASE("IDX images have one size in whatever shape they are kept") {
    const TemporaryFolder folder;
    write_set(folder.path());
    const Dataset native = load(folder.path());
    const Image source{3, 5, Bytes(native.train.image(2), native.train.image(2) + 45)};
    for (const Keeping& keeping : {Keeping{ImageShape::aspect, 8},
                                   {ImageShape::original, 2},
                                   {ImageShape::original, 4},
                                   {ImageShape::original, 0}}) {
        DatasetOptions options;
        options.path = folder.path();
        options.shape = keeping.shape;
        options.image_size = keeping.side;
        const Dataset dataset = load_dataset(options);
        const Image expected = keep(source, keeping, "");
        CHECK(dataset.train.height == expected.height);
        CHECK(dataset.train.width == expected.width);
        CHECK(Bytes(dataset.train.image(2), dataset.train.image(2) + expected.pixels.size()) ==
              expected.pixels);
    }
}

TEST_CASE("IDX files that are wrong are refused") {
    const TemporaryFolder folder;
    const fs::path& path = folder.path();
    write_set(path);
    SUBCASE("one is missing") {
        fs::remove(path / "t10k-labels-idx1-ubyte");
        CHECK(contains(load_error(path), "lacks the IDX file t10k-labels-idx1-ubyte (plain or .gz)"));
    }
    SUBCASE("truncated") {
        Bytes bytes = idx_images(4, 3, 5);
        bytes.pop_back();
        write_bytes(path / "train-images-idx3-ubyte", bytes);
        CHECK(contains(load_error(path),
                       "train-images-idx3-ubyte' is truncated: its header promises 60 bytes"));
    }
    SUBCASE("truncated in the header") {
        write_bytes(path / "train-images-idx3-ubyte", {0, 0, 8, 3, 0});
        CHECK(contains(load_error(path), "is truncated in its header"));
    }
    SUBCASE("too long") {
        Bytes bytes = idx_labels({9, 0, 3, 3});
        bytes.push_back(0);
        write_bytes(path / "train-labels-idx1-ubyte", bytes);
        CHECK(contains(load_error(path), "train-labels-idx1-ubyte' is too long"));
    }
    SUBCASE("truncated where compressed") {
        fs::remove(path / "train-images-idx3-ubyte");
        write_gzip(path / "train-images-idx3-ubyte.gz", idx_images(4, 3, 5));
        Bytes bytes = read_bytes(path / "train-images-idx3-ubyte.gz");
        bytes.resize(bytes.size() - 10);
        write_bytes(path / "train-images-idx3-ubyte.gz", bytes);
        CHECK(contains(load_error(path), "truncated"));
    }
    SUBCASE("damaged where compressed") {
        fs::remove(path / "train-images-idx3-ubyte");
        write_gzip(path / "train-images-idx3-ubyte.gz", idx_images(4, 3, 5));
        Bytes bytes = read_bytes(path / "train-images-idx3-ubyte.gz");
        bytes[bytes.size() - 6] ^= 0xFF;  // the checksum
        write_bytes(path / "train-images-idx3-ubyte.gz", bytes);
        CHECK(contains(load_error(path), "is damaged or truncated"));
    }
    SUBCASE("labels in place of images") {
        write_bytes(path / "train-images-idx3-ubyte", idx_images(4, 3, 5, 2049));
        CHECK(contains(load_error(path), "is no IDX file of images: its magic number is 2049, not 2051"));
    }
    SUBCASE("numbers of images and labels that differ") {
        write_bytes(path / "train-labels-idx1-ubyte", idx_labels({9, 0, 3}));
        CHECK(contains(load_error(path), "has 4 images but"));
        CHECK(contains(load_error(path), "has 3 labels"));
    }
    SUBCASE("a label out of range") {
        write_bytes(path / "train-labels-idx1-ubyte", idx_labels({9, 0, 10, 3}));
        CHECK(contains(load_error(path), "has the label 10 at 2; 0 to 9 are allowed"));
    }
    SUBCASE("an absurd number of images") {
        Bytes bytes = idx_images(0, 28, 28);
        for (size_t i = 4; i < 8; ++i) bytes[i] = 0xFF;
        write_bytes(path / "train-images-idx3-ubyte", bytes);
        CHECK(contains(load_error(path), "absurd size"));
    }
    SUBCASE("a header that promises more than the file could inflate to") {
        Bytes bytes = idx_images(4, 3, 5);
        bytes[11] = bytes[15] = 0;
        bytes[10] = bytes[14] = 0x20;  // 8192 x 8192
        write_bytes(path / "train-images-idx3-ubyte", bytes);
        CHECK(contains(load_error(path), "is truncated: its header promises 268435456 bytes"));
    }
    SUBCASE("a file that inflates to more than its header promises") {
        Bytes bytes = idx_labels({9, 0, 3, 3});
        bytes.resize(64 << 20);
        fs::remove(path / "train-labels-idx1-ubyte");
        write_gzip(path / "train-labels-idx1-ubyte.gz", bytes);
        CHECK(contains(load_error(path),
                       "train-labels-idx1-ubyte.gz' is too long: its header promises 4 bytes"));
    }
    SUBCASE("a count that is another than that of the labels") {
        Bytes bytes = idx_images(4, 3, 5);
        bytes[6] = 1;
        write_bytes(path / "train-images-idx3-ubyte", bytes);
        CHECK(contains(load_error(path), "has 260 images but"));
    }
    SUBCASE("parts of different sizes") {
        write_bytes(path / "t10k-images-idx3-ubyte", idx_images(2, 4, 4));
        CHECK(contains(load_error(path), "has training images of 5x3 pixels but validation images of 4x4"));
    }
    SUBCASE("a validation share for a set that has its own") {
        DatasetOptions options;
        options.path = path;
        options.validation = 0.1;
        CHECK(contains(error_of([&] { load_dataset(options); }), "has its own 2 validation images"));
    }
}

TEST_CASE("Debian's Fashion-MNIST is read as it is published" *
          doctest::skip(!fs::exists("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"))) {
    const Dataset dataset = load_dataset({});
    CHECK(dataset.kind == "fashion_mnist");
    CHECK(dataset.train.count == 60'000);
    CHECK(dataset.validation.count == 10'000);
    CHECK(dataset.train.height == 28);
    const std::vector<int32_t> first(dataset.train.labels.begin(), dataset.train.labels.begin() + 10);
    CHECK(first == std::vector<int32_t>{9, 0, 0, 3, 0, 2, 7, 2, 5, 5});
    CHECK(dataset.statistics.mean[0] == doctest::Approx(0.2860).epsilon(0.0005));
    CHECK(dataset.statistics.stddev[2] == doctest::Approx(0.3530).epsilon(0.0005));
}
