// CIFAR-10 and CIFAR-100 binaries: planes become pixels, wrong files are refused.

#include <doctest/doctest.h>

#include "data/dataset.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

/// Records with these label bytes; red is the column, green 100 + the row, blue `blue`.
Bytes records(const std::vector<Bytes>& labels, uint8_t blue) {
    Bytes bytes;
    for (const Bytes& label : labels) {
        bytes.insert(bytes.end(), label.begin(), label.end());
        for (int plane = 0; plane < 3; ++plane) {
            for (int p = 0; p < 1024; ++p) {
                bytes.push_back(static_cast<uint8_t>(plane == 0 ? p % 32 : plane == 1 ? 100 + p / 32 : blue));
            }
        }
    }
    return bytes;
}

void write_cifar10(const fs::path& folder) {
    for (uint8_t i = 1; i <= 5; ++i) {
        write_bytes(folder / ("data_batch_" + std::to_string(i) + ".bin"), records({{i}, {9}}, i));
    }
    write_bytes(folder / "test_batch.bin", records({{0}, {1}, {2}}, 77));
}

Dataset load(const fs::path& folder, const std::string& kind = "auto") {
    DatasetOptions options;
    options.path = folder;
    options.kind = kind;
    return load_dataset(options);
}

std::string load_error(const fs::path& folder, const std::string& kind = "auto") {
    return error_of([&] { load(folder, kind); });
}

}  // namespace

TEST_CASE("CIFAR-10 is read from its five batches, in its published subfolder too") {
    const TemporaryFolder folder;
    write_cifar10(folder.path() / "cifar-10-batches-bin");
    const Dataset dataset = load(folder.path());
    CHECK(dataset.kind == "cifar10");
    CHECK(dataset.class_names[0] == "airplane");
    CHECK(dataset.train.labels == std::vector<int32_t>{1, 9, 2, 9, 3, 9, 4, 9, 5, 9});
    CHECK(dataset.validation.labels == std::vector<int32_t>{0, 1, 2});
    CHECK(dataset.train.height == 32);
    const uint8_t* pixel = dataset.train.image(4) + 3 * (7 * 32 + 11);
    CHECK(pixel[0] == 11);
    CHECK(pixel[1] == 107);
    CHECK(pixel[2] == 3);
}

TEST_CASE("CIFAR-10 takes the class names beside it") {
    const TemporaryFolder folder;
    write_cifar10(folder.path());
    write_text(folder.path() / "batches.meta.txt", "a\nb\nc\nd\ne\r\nf\ng\nh\ni\nj\n\n");
    CHECK(load(folder.path()).class_names[4] == "e");
    write_text(folder.path() / "batches.meta.txt", "a\nb\n");
    CHECK(contains(load_error(folder.path()), "batches.meta.txt' names 2 classes, not 10"));
}

TEST_CASE("CIFAR-100 has the fine labels") {
    const TemporaryFolder folder;
    write_bytes(folder.path() / "train.bin", records({{19, 99}, {3, 42}}, 1));
    write_bytes(folder.path() / "test.bin", records({{0, 7}}, 2));
    const Dataset dataset = load(folder.path());
    CHECK(dataset.kind == "cifar100");
    CHECK(dataset.class_names.size() == 100);
    CHECK(dataset.train.labels == std::vector<int32_t>{99, 42});
    CHECK(dataset.validation.labels == std::vector<int32_t>{7});
    CHECK(dataset.train.image(1)[2] == 1);
}

TEST_CASE("CIFAR files that are wrong are refused") {
    const TemporaryFolder folder;
    write_cifar10(folder.path());
    SUBCASE("truncated") {
        Bytes bytes = records({{1}, {2}}, 0);
        bytes.pop_back();
        write_bytes(folder.path() / "data_batch_3.bin", bytes);
        CHECK(contains(
            load_error(folder.path()),
            "data_batch_3.bin' is truncated or no cifar10 file: it has 6145 bytes, not a multiple of 3073"));
    }
    SUBCASE("empty") {
        write_bytes(folder.path() / "test_batch.bin", {});
        CHECK(contains(load_error(folder.path()), "it has 0 bytes"));
    }
    SUBCASE("missing") {
        fs::remove(folder.path() / "data_batch_5.bin");
        CHECK(contains(load_error(folder.path()),
                       "data_batch_5.bin' cannot be read (No such file or directory)"));
    }
    SUBCASE("a label out of range") {
        write_bytes(folder.path() / "data_batch_2.bin", records({{1}, {10}}, 0));
        CHECK(contains(load_error(folder.path()), "has the label 10 in record 1; 0 to 9 are allowed"));
    }
    SUBCASE("a hole of a terabyte") {
        fs::resize_file(folder.path() / "data_batch_2.bin", uint64_t{1} << 40);
        CHECK(contains(load_error(folder.path()),
                       "data_batch_2.bin' cannot be read (it has 1099511627776 bytes"));
    }
    SUBCASE("class names without an end") {
        write_text(folder.path() / "batches.meta.txt", "a");
        fs::resize_file(folder.path() / "batches.meta.txt", uint64_t{1} << 40);
        CHECK(contains(load_error(folder.path()),
                       "batches.meta.txt' cannot be read (it has 1099511627776 bytes"));
    }
    SUBCASE("a validation share") {
        DatasetOptions options;
        options.path = folder.path();
        options.validation = 0.5;
        CHECK(
            contains(error_of([&] { load_dataset(options); }), "(cifar10) has its own 3 validation images"));
    }
}

TEST_CASE("a kind that is named is not guessed") {
    const TemporaryFolder folder;
    write_cifar10(folder.path());
    CHECK(contains(load_error(folder.path(), "cifar100"), "train.bin' cannot be read"));
}

TEST_CASE("the Python version of CIFAR is named as such") {
    const TemporaryFolder folder;
    write_bytes(folder.path() / "data_batch_1", {1});
    CHECK(contains(load_error(folder.path()), "is the Python version of CIFAR; the binary version"));
}
