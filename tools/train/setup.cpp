// Everything that is settled before the first step of a run: see setup.h.

#include "tools/train/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/error.h"
#include "engine/escape.h"
#include "kernels/kernels.h"
#include "kernels/preferred.h"
#include "models/models.h"

namespace vitrine::train {
namespace {

constexpr size_t listed_suffixes = 8;
constexpr size_t listed_files = 20;  // of those that were skipped; more would bury everything else

/// "52 files are no images and left out: 50 .xml, 2 .txt"
void report_other_files(const std::vector<SkippedFile>& skipped, Reporter& reporter) {
    std::map<std::string, int64_t> suffixes;
    int64_t count = 0;
    for (const SkippedFile& file : skipped) {
        if (file.kind != SkippedKind::no_image) continue;
        const std::string suffix = std::filesystem::path(file.path).extension().string();
        ++suffixes[suffix.empty() ? "without a suffix" : suffix];
        ++count;
    }
    if (count == 0) return;
    std::string list;
    size_t listed = 0;
    for (const auto& [suffix, files] : suffixes) {
        if (++listed > listed_suffixes) break;
        list += fmt::format("{}{} {}", list.empty() ? "" : ", ", files, suffix);
    }
    reporter.notice(fmt::format("{} file{} left out: {}{}", count,
                                count == 1 ? " that is no image is" : "s that are no images are", list,
                                suffixes.size() > listed_suffixes ? ", …" : ""));
}

void report_notices(const Dataset& dataset, Reporter& reporter) {
    for (const std::string& sentence : dataset.notices) reporter.notice(sentence);
    size_t count = 0;
    for (const SkippedFile& file : dataset.skipped) {
        if (file.kind == SkippedKind::no_image) continue;
        if (++count <= listed_files) reporter.notice(fmt::format("skipped {}: {}", file.path, file.reason));
    }
    if (count > listed_files)
        reporter.notice(fmt::format("{} files were skipped, these and {} more", count, count - listed_files));
    report_other_files(dataset.skipped, reporter);
    if (dataset.draw.validation > 0.0)
        reporter.notice(
            fmt::format("the data have no validation images of their own: {} of their {} images are "
                        "held out",
                        dataset.validation.count,
                        dataset.train.count + dataset.validation.count + dataset.left_out.count));
}

/// What training may do about unequal classes, where it does nothing yet.
std::string remedy_in(const recipe::TrainingSettings* training) {
    constexpr auto alike = recipe::ClassWeighting::Kind::alike;
    if (training == nullptr || training->class_weights.kind != alike || training->sampler.kind != alike)
        return "";
    return ", and so does training with --class-weights balanced or --sampler balanced";
}

/// Accuracy is of images: a model that never names the small classes may have a high one.
void report_unequal_classes(const Dataset& dataset, const recipe::TrainingSettings* training,
                            Reporter& reporter) {
    constexpr int64_t unequal = 10;  // times the images
    const std::vector<int64_t> images = images_of_classes(dataset);
    const auto [least, most] = std::ranges::minmax_element(images);
    if (images.empty() || *least == 0 || *most / *least < unequal) return;
    const auto name = [&](auto place) {
        return dataset.class_names[static_cast<size_t>(place - images.begin())];
    };
    reporter.notice(
        fmt::format("the classes are unequal: '{}' has {} training images, '{}' {}; "
                    "val_balanced_accuracy counts each class alike{}",
                    name(most), *most, name(least), *least, remedy_in(training)));
}

void check_data(const Dataset& dataset) {
    if (dataset.train.height != dataset.train.width)
        throw Error(
            fmt::format("the images of the data are {}×{} pixels, but models take squares: give --image-size",
                        dataset.train.width, dataset.train.height));
}

/// Throws where an option contradicts what the file says.
template <class T>
void agree(const char* flag, const std::optional<T>& option, const T& in_file, const std::string& source) {
    if (option && *option != in_file)
        throw Error(
            fmt::format("{} {} contradicts {}, which holds a model with {}", flag, *option, source, in_file));
}

DatasetOptions dataset_options(const Options& options, const Keeping& keeping, Reporter& reporter) {
    DatasetOptions wanted;
    const recipe::DataSettings& data = options.recipe.data;
    wanted.path = unescape(data.path);  // a recipe is UTF-8, a path need not be
    wanted.kind = data.kind;
    wanted.shape = keeping.shape;
    wanted.image_size = keeping.side;
    wanted.exif_orientation = data.exif_orientation.value_or(false);
    // What will be made larger anyway is best decoded at that size.
    if (options.recipe.transforms.train.resize > 0)
        wanted.folder_size = options.recipe.transforms.train.resize;
    wanted.subset = data.subset;
    wanted.validation = data.validation;
    if (!options.eval_only.empty()) {  // what the recipe held out in training has nothing to do with it
        wanted.validation = options.validation;
        wanted.default_validation = 0.0;
    }
    wanted.seed = options.recipe.seed;
    wanted.strict = data.strict;
    wanted.image_column = unescape(data.image_column);
    wanted.label_column = unescape(data.label_column);
    wanted.cache_folder = options.cache;
    wanted.verify_cache = options.verify_cache;
    wanted.threads = options.threads;
    wanted.progress = [&](int64_t done, int64_t total) { reporter.loading(done, total); };
    return wanted;
}

}  // namespace

tools::DeviceChoice set_up_machine(const Options& options) {
    const tools::DeviceChoice choice = tools::choose_device(
        options.device, options.check_kernels ? tools::KernelChecks::on : tools::KernelChecks::off);
    for (const std::string& assignment : options.implementations)
        force_implementation(choice.device, assignment);
    start_preferred_libraries(choice.device);
    return choice;
}

Keeping keeping_of(const recipe::DataSettings& data) { return {data.image_shape, data.image_size}; }

Keeping kept_as(const Keeping& own_sizes, int64_t height, int64_t width) {
    if (own_sizes.shape != ImageShape::square) return own_sizes;
    return {ImageShape::square, height == width ? height : 0};
}

Dataset read_data(const Options& options, const Keeping& keeping, Reporter& reporter) {
    DatasetOptions wanted = dataset_options(options, keeping, reporter);
    Dataset dataset = load_dataset(wanted);
    const int64_t multiple = models::model_from_name(options.recipe.model.name).size_multiple;
    const bool resized = options.recipe.transforms.train.resize > 0;
    if (keeping.side == 0 && !resized && dataset.train.height % multiple != 0) {
        wanted.image_size = (dataset.train.height + multiple - 1) / multiple * multiple;
        dataset = load_dataset(wanted);
    }
    return dataset;
}

void report_data(const Dataset& dataset, const recipe::TrainingSettings* training, Reporter& reporter) {
    report_notices(dataset, reporter);
    report_unequal_classes(dataset, training, reporter);
    check_data(dataset);
}

Dataset load_data(const Options& options, Reporter& reporter) {
    Dataset dataset = read_data(options, keeping_of(options.recipe.data), reporter);
    report_data(dataset, &options.recipe.training, reporter);
    return dataset;
}

LoaderOptions training_loader(const recipe::Recipe& recipe, const ImageSet& set, const ClassWeights& weights,
                              const InputMaker& inputs, const BatchShare& share) {
    LoaderOptions loader;
    loader.batch_size = std::min(recipe.training.batch_size, set.count);
    loader.shuffle = true;
    loader.class_weights = weights.sampling;
    loader.seed = recipe.seed;
    loader.drop_last = true;
    inputs.ask(loader);
    loader.share = share;
    return loader;
}

ChannelNormalization normalization_of(const Dataset& dataset) {
    ChannelNormalization normalization;
    std::ranges::copy(dataset.statistics.mean, normalization.mean.begin());
    std::ranges::copy(dataset.statistics.stddev, normalization.stddev.begin());
    return normalization;
}

Transforms transforms_for(const recipe::Recipe& recipe, const Dataset& dataset) {
    Transforms transforms = recipe.transforms;
    if (!recipe.normalize_given)
        transforms.train.normalize = transforms.evaluation.normalize = normalization_of(dataset);
    return transforms;
}

tools::ModelDescription describe_model(const recipe::Recipe& recipe, const Dataset& dataset,
                                       const EvalTransform& preparation, int64_t image_size) {
    tools::ModelDescription description;
    description.model = recipe.model.name;
    description.classes = dataset.class_names;
    description.image_size = image_size;
    description.exif_orientation = dataset.exif_orientation;
    description.source = dataset.keeping;
    if (dataset.keeping.shape == ImageShape::square) description.source.side = dataset.validation.height;
    description.preparation = preparation;
    description.variant = recipe.model.variant;
    return description;
}

tools::ModelDescription describe_checkpoint(const Options& options, const SafeTensors& file) {
    const std::string& source = options.eval_only;
    if (std::optional<tools::ModelDescription> found = tools::description_in(file, source)) {
        agree("--model", options.model, found->model, source);
        for (const auto& [option, value] : options.model_options)
            agree(option->flag().c_str(), std::optional(value), found->variant.*option->value, source);
        return *found;
    }
    if (!options.model)
        throw Error(fmt::format("{} does not say which model it holds: name it with --model", source));
    tools::ModelDescription given;
    given.model = *options.model;
    given.image_size = options.recipe.data.image_size;
    for (const auto& [option, value] : options.model_options) given.variant.*option->value = value;
    return tools::description_of_plain(file, source, given);
}

}  // namespace vitrine::train
