// What a run came to: see settings.h.

#include "tools/train/settings.h"

#include <nlohmann/json.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "kernels/threads.h"
#include "tools/common/machine.h"
#include "tools/common/units.h"
#include "tools/train/trained_on.h"

namespace vitrine::train {

using tools::grouped;

namespace {

bool mixes_batches(const RunInfo& info) {
    const BatchMix& mix = info.transforms.train.mix;
    return mix.mixup_alpha || mix.cutmix_alpha;
}

/// In the order of "classes"; null where all are alike.
Json by_class(const std::vector<double>& weights) { return weights.empty() ? Json() : Json(weights); }

/// "224×224 pixels", "their own sizes"
std::string sizes_of(const Dataset& dataset) {
    switch (dataset.keeping.shape) {
        case ImageShape::square:
            return fmt::format("{}×{} pixels", dataset.train.width, dataset.train.height);
        case ImageShape::aspect:
            return fmt::format("{} pixels at the shorter side", dataset.keeping.side);
        case ImageShape::original:
            if (dataset.keeping.side == 0) return "their own sizes";
            return fmt::format("their own sizes, up to {} pixels at the shorter side", dataset.keeping.side);
    }
    return "";
}

}  // namespace

Weights judged_weights(const recipe::Recipe& recipe) {
    return recipe.training.ema_decay > 0.0 ? Weights::averaged : Weights::plain;
}

Json settings(const RunInfo& info) {
    Json phases = Json::array();
    for (const PhasePlan& phase : info.plan.phases) {
        phases.push_back({{"name", phase.settings.name},
                          {"first_epoch", phase.first_epoch + 1},
                          {"epochs", phase.epochs},
                          {"description", recipe::describe(phase.settings)}});
    }
    const tools::Machine machine = tools::this_machine();
    const tools::ModelDescription& description = info.description;
    Json all{
        {"model", description.model},
        {"parameters", info.parameters},
        {"dataset", info.dataset.kind},
        {"data", info.recipe.data.path},
        {"training_images", info.dataset.train.count},
        {"validation_images", info.dataset.validation.count},
        {"image_hashes", image_hashes(info.identity)},
        {"validation_images_trained_on", info.repeated.trained_on.size()},
        {"contradictory_images", info.repeated.contradictory.size()},
        {"skipped_files", info.dataset.skipped.size()},
        {"classes", description.classes},
        {"image_size", description.image_size},
        {"mean", description.preparation.normalize.mean},
        {"deviation", description.preparation.normalize.stddev},
        {"transforms",
         {{"train", info.transforms.train.describe()},
          {"validation", info.transforms.evaluation.describe()}}},
        {"weights", name_of(judged_weights(info.recipe))},
        {"batch_size", info.recipe.training.batch_size},
        {"batches_per_epoch", info.plan.batches_per_epoch},
        {"epochs", info.plan.epochs},
        {"steps", info.plan.steps()},
        {"phases", phases},
        {"class_weights", by_class(info.class_weights.loss)},
        {"sampling_weights", by_class(info.class_weights.sampling)},
        {"seed", info.recipe.seed},
        {"device", name_of(info.device.device)},
        {"device_reason", info.device.reason},
        {"threads", threads()},
        {"processes", info.processes},
        {"machine", {{"cpu", machine.cpu}, {"cores", machine.cores}, {"memory_bytes", machine.memory_bytes}}},
        {"started", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))}};
    for (const models::ModelOption& option : models::all_model_options())
        all[option.key] = description.variant.*option.value;
    return all;
}

std::vector<std::pair<std::string, std::string>> headlines(const RunInfo& info, const std::string& folder) {
    const ImageSet& images = info.dataset.train;
    const tools::ModelDescription& description = info.description;
    const recipe::TrainingSettings& training = info.recipe.training;
    std::vector<std::pair<std::string, std::string>> lines{
        {"data", fmt::format("{}, {} training and {} validation images of {} in {} classes",
                             info.dataset.kind, grouped(images.count), grouped(info.dataset.validation.count),
                             sizes_of(info.dataset), description.classes.size())},
        {"training", info.transforms.train.describe()},
        {"validation", info.transforms.evaluation.describe()},
        {"model", fmt::format("{} for {}×{} pixels, {} parameters", description.model, description.image_size,
                              description.image_size, grouped(info.parameters))},
        {"device",
         fmt::format("{} ({}), {} threads{}", name_of(info.device.device), info.device.reason, threads(),
                     info.processes > 1 ? fmt::format(" in each of {} processes", info.processes) : "")},
        {"steps",
         fmt::format("{} of {} images{}, {} an epoch", grouped(info.plan.steps()),
                     grouped(training.batch_size * training.accumulate),
                     training.shards > 1
                         ? fmt::format(", batches in {} shards{}", training.shards,
                                       training.sync_batch_norm ? ", batch norm over all of them" : "")
                         : "",
                     grouped(info.plan.steps_per_epoch))}};
    if (mixes_batches(info))
        lines.insert(lines.begin() + 2, {"", "train_accuracy counts the stronger label of mixed images"});
    for (auto& line : describe(info.class_weights, info.dataset)) lines.push_back(std::move(line));
    for (const PhasePlan& phase : info.plan.phases) {
        lines.emplace_back("phase",
                           fmt::format("{}, epochs {}–{}: {}", phase.settings.name, phase.first_epoch + 1,
                                       phase.first_epoch + phase.epochs, recipe::describe(phase.settings)));
    }
    if (judged_weights(info.recipe) == Weights::averaged)
        lines.emplace_back("weights", fmt::format("averaged over the steps (ema_decay {}): these are judged, "
                                                  "and kept as the best and the last",
                                                  info.recipe.training.ema_decay));
    lines.emplace_back("run", folder);
    return lines;
}

}  // namespace vitrine::train
