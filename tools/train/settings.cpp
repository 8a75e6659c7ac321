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

bool mixes_batches(const Facts& facts) {
    const BatchMix& mix = facts.transforms.train.mix;
    return mix.mixup_alpha || mix.cutmix_alpha;
}

}  // namespace

Weights judged_weights(const recipe::Recipe& recipe) {
    return recipe.training.ema_decay > 0.0 ? Weights::averaged : Weights::plain;
}

Json settings(const Facts& facts) {
    Json phases = Json::array();
    for (const PhasePlan& phase : facts.plan.phases) {
        phases.push_back({{"name", phase.settings.name},
                          {"first_epoch", phase.first_epoch + 1},
                          {"epochs", phase.epochs},
                          {"description", recipe::describe(phase.settings)}});
    }
    const tools::Machine machine = tools::this_machine();
    const tools::ModelDescription& description = facts.description;
    return {
        {"model", description.model},
        {"width_mult", description.width_mult},
        {"dropout", description.dropout},
        {"parameters", facts.parameters},
        {"dataset", facts.dataset.kind},
        {"data", facts.recipe.data.path},
        {"training_images", facts.dataset.train.count},
        {"validation_images", facts.dataset.validation.count},
        {"image_hashes", image_hashes(facts.identity)},
        {"skipped_files", facts.dataset.skipped.size()},
        {"classes", description.classes},
        {"image_size", description.image_size},
        {"mean", description.preparation.normalize.mean},
        {"deviation", description.preparation.normalize.deviation},
        {"transforms",
         {{"train", facts.transforms.train.describe()},
          {"validation", facts.transforms.evaluation.describe()}}},
        {"weights", name_of(judged_weights(facts.recipe))},
        {"batch_size", facts.recipe.training.batch_size},
        {"batches_per_epoch", facts.plan.batches_per_epoch},
        {"epochs", facts.plan.epochs},
        {"steps", facts.plan.steps()},
        {"phases", phases},
        {"seed", facts.recipe.seed},
        {"device", name_of(facts.device.device)},
        {"device_reason", facts.device.reason},
        {"threads", threads()},
        {"machine", {{"cpu", machine.cpu}, {"cores", machine.cores}, {"memory_bytes", machine.memory_bytes}}},
        {"started", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))}};
}

std::vector<std::pair<std::string, std::string>> headlines(const Facts& facts, const std::string& folder) {
    const ImageSet& images = facts.dataset.train;
    const tools::ModelDescription& description = facts.description;
    std::vector<std::pair<std::string, std::string>> lines{
        {"data",
         fmt::format("{}, {} training and {} validation images of {}×{} pixels in {} classes",
                     facts.dataset.kind, grouped(images.count), grouped(facts.dataset.validation.count),
                     images.width, images.height, description.classes.size())},
        {"training", facts.transforms.train.describe()},
        {"validation", facts.transforms.evaluation.describe()},
        {"model", fmt::format("{} for {}×{} pixels, {} parameters", description.model, description.image_size,
                              description.image_size, grouped(facts.parameters))},
        {"device",
         fmt::format("{} ({}), {} threads", name_of(facts.device.device), facts.device.reason, threads())},
        {"steps", fmt::format("{} of {} images, {} an epoch", grouped(facts.plan.steps()),
                              grouped(facts.recipe.training.batch_size * facts.recipe.training.accumulate),
                              grouped(facts.plan.steps_per_epoch))}};
    if (mixes_batches(facts))
        lines.insert(lines.begin() + 2, {"", "train_accuracy counts the stronger label of mixed images"});
    for (const PhasePlan& phase : facts.plan.phases) {
        lines.emplace_back("phase",
                           fmt::format("{}, epochs {}–{}: {}", phase.settings.name, phase.first_epoch + 1,
                                       phase.first_epoch + phase.epochs, recipe::describe(phase.settings)));
    }
    if (judged_weights(facts.recipe) == Weights::averaged)
        lines.emplace_back("weights", fmt::format("averaged over the steps (ema_decay {}): these are judged, "
                                                  "and kept as the best and the last",
                                                  facts.recipe.training.ema_decay));
    lines.emplace_back("run", folder);
    return lines;
}

}  // namespace vitrine::train
