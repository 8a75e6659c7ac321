// Choosing and running the reader of a data set: see dataset.h.

#include "data/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "data/folder_words.h"
#include "data/formats.h"
#include "engine/input_file.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr const char* debian_fashion_mnist = "/usr/share/datasets/fashion-mnist";

/// In the order in which "auto" tries them: an image folder is the least specific layout.
const std::vector<DatasetFormat>& formats() {
    static const std::vector<DatasetFormat> list = {
        fashion_mnist_format(), mnist_format(),         cifar10_format(),
        cifar100_format(),      tiny_imagenet_format(), tar_shards_format(),
        image_table_format(),   image_folder_format(),  class_folders_format()};
    return list;
}

void check_options(const DatasetOptions& options) {
    const auto& kinds = dataset_kinds();
    if (std::find(kinds.begin(), kinds.end(), options.kind) == kinds.end()) {
        throw Error(fmt::format("there is no kind of data set named '{}'; the kinds are {}", options.kind,
                                fmt::join(kinds, ", ")));
    }
    if (!(options.subset > 0.0 && options.subset <= 1.0)) {
        throw Error(fmt::format("the subset is {}; a share above 0 and up to 1 is allowed", options.subset));
    }
    if (options.validation && !(*options.validation > 0.0 && *options.validation < 1.0)) {
        throw Error(fmt::format("the validation share is {}; a share above 0 and below 1 is allowed",
                                *options.validation));
    }
    if (options.image_size < 0 || options.image_size > 4096) {
        throw Error(
            fmt::format("the image size is {}; 1 to 4096 pixels (or 0 for the set's own size) are allowed",
                        options.image_size));
    }
    if (!(options.default_validation >= 0.0 && options.default_validation < 1.0)) {
        throw Error(
            fmt::format("the validation share is {} by default; a share from 0 and below 1 is allowed",
                        options.default_validation));
    }
    if (options.threads < 0) {
        throw Error(
            fmt::format("the number of threads is {}; 0 (one a core) or more is allowed", options.threads));
    }
}

bool fits_kind(const DatasetFormat& format, const DatasetOptions& options) {
    return options.kind == "auto" || options.kind == format.kind;
}

bool is_set_in_a_file(const DatasetOptions& options) {
    return std::ranges::any_of(formats(), [&](const DatasetFormat& format) {
        return format.takes_files && fits_kind(format, options) && format.recognises(options.path);
    });
}

fs::path checked_path(const DatasetOptions& options) {
    if (options.path.empty()) {
        if (fs::is_directory(debian_fashion_mnist)) return debian_fashion_mnist;
        throw Error(fmt::format(
            "no data set was named and Fashion-MNIST is not in {}: name a folder, or install Debian's "
            "package dataset-fashion-mnist",
            debian_fashion_mnist));
    }
    std::error_code failure;
    const fs::file_status status = fs::status(options.path, failure);
    if (!fs::exists(status)) {
        throw Error(fmt::format("the data set {} does not exist; name a folder", in_quotes(options.path)));
    }
    if (fs::is_directory(status) || is_set_in_a_file(options)) return options.path;
    throw Error(fmt::format(
        "the data set {} is a file; name the folder that holds it, a table (.csv, .tsv, .txt, .lst or "
        ".list) or a .tar",
        in_quotes(options.path)));
}

/// Its folder would else be taken for a class.
void refuse_python_cifar(const fs::path& path) {
    if (find_beside(path, {"cifar-10-batches-py"}, "data_batch_1").empty() &&
        find_beside(path, {"cifar-100-python"}, "meta").empty())
        return;
    throw Error(fmt::format("{} is the Python version of CIFAR; the binary version (.bin files) is needed",
                            in_quotes(path)));
}

[[noreturn]] void throw_unrecognised(const fs::path& path) {
    std::string layouts;
    for (const DatasetFormat& format : formats())
        layouts += fmt::format("\n  {}: {}", format.kind, format.layout);
    throw Error(fmt::format("no data set is recognised in {}; looked for{}", in_quotes(path), layouts));
}

/// Who names columns has a table.
void require_table(DatasetOptions& options) {
    const std::string table = image_table_format().kind;
    if (options.kind != "auto" && options.kind != table)
        throw Error(fmt::format("--image-column and --label-column are for the kind {}, not for {}", table,
                                options.kind));
    options.kind = table;
}

const DatasetFormat& choose_format(const DatasetOptions& options) {
    std::error_code failure;
    const bool is_file = !fs::is_directory(options.path, failure);
    if (options.kind == "auto" && !is_file) refuse_python_cifar(options.path);
    for (const DatasetFormat& format : formats()) {
        if (is_file && !format.takes_files) continue;
        if (options.kind == "auto" ? format.recognises(options.path) : options.kind == format.kind)
            return format;
    }
    throw_unrecognised(options.path);
}

void keep_subset(Dataset& dataset, const DatasetOptions& options) {
    if (options.subset == 1.0) return;
    dataset.draw.subset = options.subset;
    const std::vector<int64_t> kept = stratified_subset(dataset.train.labels, options.subset, options.seed);
    std::vector<int64_t> left_out;
    for (int64_t i = 0; i < dataset.train.count; ++i) {
        if (!std::ranges::binary_search(kept, i)) left_out.push_back(i);
    }
    dataset.left_out = dataset.train.select(left_out);
    dataset.train = dataset.train.select(kept);
}

}  // namespace

const std::vector<std::string>& dataset_kinds() {
    static const std::vector<std::string> kinds = [] {
        std::vector<std::string> names = {"auto"};
        for (const DatasetFormat& format : formats()) names.push_back(format.kind);
        return names;
    }();
    return kinds;
}

Dataset load_dataset(const DatasetOptions& given) {
    check_options(given);
    DatasetOptions options = given;
    if (!options.image_column.empty() || !options.label_column.empty()) require_table(options);
    options.path = checked_path(options);
    const DatasetFormat& format = choose_format(options);
    Dataset dataset = format.load(options);
    dataset.kind = format.kind;
    dataset.draw.seed = options.seed;
    dataset.exif_orientation = options.exif_orientation;
    const bool none_held_out = !options.validation && options.default_validation == 0.0;
    for (const auto& [part, set] :
         {std::pair{"training", &dataset.train}, {"validation", &dataset.validation}}) {
        if (set->count > 0 || (set == &dataset.validation && none_held_out)) continue;
        throw Error(fmt::format("the data set {} has no readable {} images", in_quotes(options.path), part));
    }
    keep_subset(dataset, options);
    dataset.statistics = channel_statistics(dataset.train);
    dataset.train.pixels.require_intact();
    return dataset;
}

fs::path find_beside(const fs::path& path, const std::vector<std::string>& subfolders,
                     const std::string& file) {
    std::error_code failure;
    if (fs::is_regular_file(path / file, failure)) return path;
    for (const std::string& subfolder : subfolders) {
        if (fs::is_regular_file(path / subfolder / file, failure)) return path / subfolder;
    }
    return {};
}

void refuse_validation_share(const DatasetOptions& options, const std::string& kind, int64_t own_images) {
    if (!options.validation) return;
    throw Error(
        fmt::format("{} ({}) has its own {} validation images; a validation share is only for one folder of "
                    "class folders",
                    in_quotes(options.path), kind, own_images));
}

std::vector<std::string> read_lines(const fs::path& file) {
    constexpr uint64_t largest = uint64_t{64} << 20;  // a million names
    std::istringstream stream;
    try {
        stream.str(read_file(file, largest));
    } catch (const FileError& error) {
        throw Error(fmt::format("'{}' cannot be read ({})", file.string(), error.reason));
    }
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) {
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (!line.empty()) lines.push_back(line);
    }
    return lines;
}

ImageSet make_image_set(int64_t native_height, int64_t native_width, std::vector<int32_t> labels,
                        const std::string& part, const DatasetOptions& options,
                        const std::function<Image(int64_t)>& read) {
    ImageSet set;
    set.count = static_cast<int64_t>(labels.size());
    const ImageSize native{native_width, native_height};
    const Keeping keeping{options.shape, options.image_size};
    const ImageSize kept = options.image_size > 0 ? kept_size(native, keeping) : native;
    set.height = kept.height;
    set.width = kept.width;
    set.labels = std::move(labels);
    const int64_t image_bytes = 3 * set.height * set.width;
    const auto pixels =
        std::make_shared_for_overwrite<uint8_t[]>(static_cast<size_t>(set.count * image_bytes));
    parallel_for(
        set.count, options.threads,
        [&](int64_t i) {
            Image image = read(i);
            if (options.image_size > 0) image = keep(std::move(image), keeping, options.path.string());
            std::copy(image.pixels.begin(), image.pixels.end(), pixels.get() + i * image_bytes);
        },
        options.progress);
    const auto names = std::make_shared<std::vector<std::string>>();
    for (int64_t i = 0; i < set.count; ++i) {
        set.rows.push_back(i);
        names->push_back(fmt::format("{} image {}", part, i));
    }
    set.pixels = {.owner = pixels, .data = pixels.get(), .images = set.count, .names = names};
    return set;
}

}  // namespace vitrine
