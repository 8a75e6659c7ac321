// What train does: see run.h.

#include "tools/train/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <iostream>

#include "engine/error.h"
#include "kernels/threads.h"
#include "tools/common/units.h"
#include "tools/train/interrupt.h"
#include "tools/train/setup.h"
#include "tools/train/trainer.h"

namespace vitrine::train {
namespace {

using tools::grouped;

std::unique_ptr<Reporter> make_reporter(const Options& options) {
    if (options.json) return make_json_reporter();
    return options.quiet ? make_quiet_reporter() : make_text_reporter();
}

int64_t parameter_count(nn::Module& model) {
    int64_t count = 0;
    for (const nn::NamedParameter& named : model.trainable()) count += named.value().count();
    return count;
}

/// The length of the run: all epochs, or --max-steps where that is less.
TrainerOptions plan(const Options& options, const Dataset& dataset) {
    const int64_t batch_size = std::min(options.batch_size, dataset.train.count);
    if (batch_size < 2)
        throw Error("the data have one training image, but batch norm needs at least 2 in a training batch");
    const int64_t batches = dataset.train.count / batch_size;
    int64_t steps = options.epochs * batches;
    if (options.max_steps) steps = std::min(steps, *options.max_steps);
    return {.schedule = {.kind = options.schedule,
                         .rate = options.resolved_learning_rate(),
                         .total_steps = steps},
            .epochs = (steps + batches - 1) / batches,
            .batch_size = options.batch_size,
            .seed = options.seed};
}

template <class T>
Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

/// run.json: every setting as it was resolved.
Json settings(const Options& options, const Dataset& dataset, const tools::ModelDescription& description,
              const TrainerOptions& trainer, const tools::DeviceChoice& device, int64_t parameters) {
    return {{"data", options.data},
            {"dataset", dataset.kind},
            {"training_images", dataset.train.count},
            {"validation_images", dataset.validation.count},
            {"skipped_files", dataset.skipped.size()},
            {"classes", description.classes},
            {"image_size", description.image_size},
            {"mean", description.normalization.mean},
            {"deviation", description.normalization.deviation},
            {"subset", options.subset},
            {"validation", or_null(options.validation)},
            {"strict", options.strict},
            {"cache", options.cache},
            {"model", description.model},
            {"width_mult", description.width_mult},
            {"dropout", description.dropout},
            {"parameters", parameters},
            {"epochs", trainer.epochs},
            {"steps", trainer.schedule.total_steps},
            {"batch_size", options.batch_size},
            {"lr", options.resolved_learning_rate()},
            {"schedule", optim::name_of(options.schedule)},
            {"momentum", options.momentum},
            {"nesterov", options.nesterov},
            {"weight_decay", options.weight_decay},
            {"label_smoothing", options.label_smoothing},
            {"max_steps", or_null(options.max_steps)},
            {"seed", options.seed},
            {"device", name_of(device.device)},
            {"threads", threads()},
            {"impl", options.implementations}};
}

std::vector<std::pair<std::string, std::string>> headlines(const Json& run, const tools::DeviceChoice& device,
                                                           const RunFolder& folder) {
    const auto number = [&](const char* key) { return grouped(run.at(key).get<int64_t>()); };
    const auto name = [&](const char* key) { return run.at(key).get<std::string>(); };
    return {{"data", fmt::format("{}, {} training and {} validation images of {}×{} pixels in {} classes",
                                 name("dataset"), number("training_images"), number("validation_images"),
                                 number("image_size"), number("image_size"), run.at("classes").size())},
            {"model", fmt::format("{}, {} parameters", name("model"), number("parameters"))},
            {"device", fmt::format("{} ({}), {} threads", name("device"), device.reason, number("threads"))},
            {"training", fmt::format("{} steps of {} images, {} epochs, {} learning rate {:g}",
                                     number("steps"), number("batch_size"), number("epochs"),
                                     name("schedule"), run.at("lr").get<double>())},
            {"run", folder.path().string()}};
}

std::map<std::string, std::string> metadata(const tools::ModelDescription& description,
                                            const Dataset& dataset, const Options& options) {
    std::map<std::string, std::string> all = tools::to_metadata(description);
    all["dataset"] = dataset.kind;
    all["seed"] = std::to_string(options.seed);
    return all;
}

int train(const Options& options, Reporter& reporter) {
    const tools::DeviceChoice device = set_up_machine(options);
    const std::filesystem::path out =
        options.out.empty() ? new_run_folder(options.model_name()) : std::filesystem::path(options.out);
    check_run_folder(out, options.overwrite);

    const Dataset dataset = load_data(options, options.image_size, reporter);
    const tools::ModelDescription description = describe_model(options, dataset);
    const Placement placement{DType::f32, device.device};
    const std::shared_ptr<nn::Module> model = tools::build_model(description, placement, options.seed);
    const TrainerOptions trainer_options = plan(options, dataset);
    tools::TrainingStep step(
        *model, placement, description.normalization,
        {.momentum = options.momentum, .weight_decay = options.weight_decay, .nesterov = options.nesterov},
        options.label_smoothing);

    const Json run =
        settings(options, dataset, description, trainer_options, device, parameter_count(*model));
    const RunFolder folder(out, options.overwrite, run);
    reporter.begin(run, headlines(run, device, folder));
    const InterruptGuard guard;
    Trainer trainer(*model, step, dataset, trainer_options, metadata(description, dataset, options), folder,
                    reporter);
    const Ending ending = trainer.run();
    reporter.end(ending.best);
    return ending.signal == 0 ? 0 : 128 + ending.signal;
}

/// Throws where labels of the data would mean other classes to the model.
void check_classes(const tools::ModelDescription& description, const Dataset& dataset,
                   const std::string& source, bool names_known) {
    const auto& in_file = description.classes;
    const auto& in_data = dataset.class_names;
    if (in_file.size() != in_data.size())
        throw Error(
            fmt::format("{} knows {} classes, but the data have {}", source, in_file.size(), in_data.size()));
    if (!names_known) return;
    for (size_t i = 0; i < in_file.size(); ++i) {
        if (in_file[i] != in_data[i])
            throw Error(fmt::format("class {} is '{}' in {}, but '{}' in the data", i, in_file[i], source,
                                    in_data[i]));
    }
}

int evaluate_only(const Options& options, Reporter& reporter) {
    const tools::DeviceChoice device = set_up_machine(options);
    const SafeTensors file = read_safetensors(options.eval_only);
    const bool described = tools::description_in(file, options.eval_only).has_value();
    tools::ModelDescription description = describe_checkpoint(options, file);

    const Dataset dataset =
        load_data(options, options.image_size != 0 ? options.image_size : description.image_size, reporter);
    check_classes(description, dataset, options.eval_only, described);
    description.image_size = dataset.validation.height;
    if (!described) {
        description.normalization = normalization_of(dataset);
        reporter.notice(
            fmt::format("{} does not say how to normalise images: the mean and deviation of the training "
                        "images are used",
                        options.eval_only));
    }
    const Placement placement{DType::f32, device.device};
    const std::shared_ptr<nn::Module> model =
        tools::build_model(description, placement, file, options.eval_only);
    tools::TrainingStep step(*model, placement, description.normalization, {}, 0.0);
    reporter.evaluated(evaluate(step, dataset.validation, options.batch_size, reporter));
    return 0;
}

}  // namespace

int run(const Options& options) {
    if (options.summary) return print_summary(options);
    const std::unique_ptr<Reporter> reporter = make_reporter(options);
    if (!options.eval_only.empty()) return evaluate_only(options, *reporter);
    try {
        return train(options, *reporter);
    } catch (const Diverged& diverged) {
        reporter->notice(fmt::format("train: {}", diverged.what()));
        return 1;
    }
}

}  // namespace vitrine::train
