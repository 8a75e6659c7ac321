// CIFAR-10 and CIFAR-100, the "binary version".
//
// A file is a row of records: the label byte (CIFAR-100: coarse label, then fine label), then 3072 bytes: the
// red, green and blue planes of 32 x 32 pixels.

#include <fmt/format.h>

#include <algorithm>

#include "data/formats.h"
#include "engine/input_file.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t side = 32;
constexpr int64_t plane = side * side;
/// The largest that is published has 150 MB.
constexpr uint64_t largest_file = uint64_t{1} << 28;

struct Variant {
    std::string kind;
    std::string folder;  // its name as published
    std::vector<std::string> train_files;
    std::string test_file;
    std::string names_file;
    std::vector<std::string> names;  // if that file is absent
    int64_t label_bytes = 1;
    int32_t classes = 10;

    int64_t record_bytes() const { return label_bytes + 3 * plane; }
};

Variant cifar10() {
    return {
        "cifar10",
        "cifar-10-batches-bin",
        {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
        "test_batch.bin",
        "batches.meta.txt",
        {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
        1,
        10};
}

Variant cifar100() {
    Variant variant{"cifar100", "cifar-100-binary", {"train.bin"}, "test.bin", "fine_label_names.txt", {}, 2,
                    100};
    for (int i = 0; i < 100; ++i) variant.names.push_back(std::to_string(i));
    return variant;
}

void append_file(const fs::path& file, const Variant& variant, std::vector<uint8_t>& records) {
    std::string content;
    try {
        content = read_file(file, largest_file);
    } catch (const FileError& error) {
        throw Error(fmt::format("'{}' cannot be read ({})", file.string(), error.reason));
    }
    if (content.empty() || static_cast<int64_t>(content.size()) % variant.record_bytes() != 0) {
        throw Error(fmt::format("'{}' is truncated or no {} file: it has {} bytes, not a multiple of {}",
                                file.string(), variant.kind, content.size(), variant.record_bytes()));
    }
    const size_t start = records.size();
    records.insert(records.end(), content.begin(), content.end());
    for (size_t at = start; at < records.size(); at += static_cast<size_t>(variant.record_bytes())) {
        const int label = records[at + static_cast<size_t>(variant.label_bytes) - 1];
        if (label >= variant.classes) {
            throw Error(fmt::format("'{}' has the label {} in record {}; 0 to {} are allowed", file.string(),
                                    label, (at - start) / static_cast<size_t>(variant.record_bytes()),
                                    variant.classes - 1));
        }
    }
}

ImageSet load_part(const fs::path& folder, const std::string& part, const std::vector<std::string>& files,
                   const Variant& variant, const DatasetOptions& options) {
    std::vector<uint8_t> records;
    for (const std::string& file : files) append_file(folder / file, variant, records);
    const int64_t count = static_cast<int64_t>(records.size()) / variant.record_bytes();
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < count; ++i) {
        labels.push_back(records[static_cast<size_t>(i * variant.record_bytes() + variant.label_bytes - 1)]);
    }
    return make_image_set(side, side, std::move(labels), part, options, [&](int64_t i) {
        Image image{side, side, std::vector<uint8_t>(3 * plane)};
        const uint8_t* planes = records.data() + i * variant.record_bytes() + variant.label_bytes;
        for (int64_t p = 0; p < plane; ++p) {
            for (int64_t c = 0; c < 3; ++c)
                image.pixels[static_cast<size_t>(3 * p + c)] = planes[c * plane + p];
        }
        return image;
    });
}

std::vector<std::string> class_names(const fs::path& folder, const Variant& variant) {
    if (!fs::exists(folder / variant.names_file)) return variant.names;
    std::vector<std::string> names = read_lines(folder / variant.names_file);
    if (static_cast<int32_t>(names.size()) != variant.classes) {
        throw Error(fmt::format("'{}' names {} classes, not {}", (folder / variant.names_file).string(),
                                names.size(), variant.classes));
    }
    return names;
}

Dataset load_cifar(const DatasetOptions& options, const Variant& variant) {
    fs::path folder = find_beside(options.path, {variant.folder}, variant.train_files.front());
    if (folder.empty()) folder = options.path;  // the message then names what is missing there
    Dataset dataset;
    dataset.class_names = class_names(folder, variant);
    dataset.train = load_part(folder, "train", variant.train_files, variant, options);
    dataset.validation = load_part(folder, "test", {variant.test_file}, variant, options);
    refuse_validation_share(options, variant.kind, dataset.validation.count);
    return dataset;
}

DatasetFormat format_of(const Variant& variant) {
    return {variant.kind, fmt::format("{} and {}", variant.train_files.front(), variant.test_file),
            [variant](const fs::path& path) {
                return !find_beside(path, {variant.folder}, variant.train_files.front()).empty();
            },
            [variant](const DatasetOptions& options) { return load_cifar(options, variant); }};
}

}  // namespace

DatasetFormat cifar10_format() { return format_of(cifar10()); }
DatasetFormat cifar100_format() { return format_of(cifar100()); }

}  // namespace vitrine
