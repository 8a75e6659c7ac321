// train's main mode: a recipe from its data to its last epoch, or from where it was.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "tools/train/interrupt.h"
#include "tools/train/publisher.h"
#include "tools/train/run.h"
#include "tools/train/run_lock.h"
#include "tools/train/settings.h"
#include "tools/train/setup.h"
#include "tools/train/trainer.h"

namespace vitrine::train {
namespace {

constexpr int64_t previewed_images = 4;

int64_t parameter_count(nn::Module& model) {
    int64_t count = 0;
    for (const nn::NamedParameter& named : model.trainable()) count += named.value().count();
    return count;
}

std::map<std::string, std::string> metadata(const tools::ModelDescription& description,
                                            const Dataset& dataset, const recipe::Recipe& recipe) {
    std::map<std::string, std::string> all = tools::to_metadata(description);
    all["dataset"] = dataset.kind;
    all["seed"] = std::to_string(recipe.seed);
    return all;
}

/// A full disk is no reason not to train.
void show_augmentation(const std::filesystem::path& folder, const recipe::Recipe& recipe,
                       const Dataset& dataset, Reporter& reporter) {
    try {
        write_preview_sheet(folder / "preview.png", recipe, dataset, previewed_images);
    } catch (const Error& error) {
        reporter.notice(fmt::format("{}; the run goes on", error.what()));
    }
}

/// BasicBlockNet's last layer is made for one size.
int64_t network_size(const InputMaker& training, const InputMaker& validation, const std::string& model) {
    const int64_t trained = training.output_size().height, measured = validation.output_size().height;
    if (trained != measured && model == "basic_block_net")
        throw Error(
            fmt::format("basic_block_net takes images of one size, but the transforms make {0}×{0} "
                        "pixels in training and {1}×{1} in validation",
                        trained, measured));
    return measured;
}

}  // namespace

int train(const Options& options, Reporter& reporter) {
    const recipe::Recipe& recipe = options.recipe;
    const tools::DeviceChoice device = set_up_machine(options);
    const RunLock lock =
        options.out.empty() ? RunLock::of_new_folder(recipe.model.name) : RunLock(options.out);
    const std::filesystem::path& out = lock.folder();
    const std::string resolved = recipe::to_toml(recipe);
    check_run_folder(out, options.existing, resolved);

    const Dataset dataset = load_data(options, recipe.data.image_size, reporter);
    const Transforms transforms = transforms_for(recipe, dataset);
    const Placement placement{DType::f32, device.device};
    InputMaker training_inputs(dataset.train, transforms.train, placement, recipe.seed);
    InputMaker validation_inputs(dataset.validation, transforms.evaluation, placement);
    const tools::ModelDescription description =
        describe_model(recipe, dataset, transforms.evaluation,
                       network_size(training_inputs, validation_inputs, recipe.model.name));
    const std::shared_ptr<nn::Module> model = tools::build_model(description, placement, recipe.seed);
    const RunPlan plan = plan_run(recipe, dataset.train.count);
    tools::TrainingStep step(*model, sgd_options(recipe.phases.front()), recipe.training.label_smoothing);

    RunFolder folder(out, options.existing, resolved, recipe.training.keep_checkpoints);
    const Facts facts{recipe, plan, dataset, transforms, description, device, parameter_count(*model)};
    const Json run = settings(facts);
    folder.write_settings(run);
    reporter.begin(run, headlines(facts, out.string()));

    for (const std::string& warning : tools::schedule_warnings(planned_phases(plan)))
        reporter.notice(warning);
    if (transforms.train.is_random()) show_augmentation(folder.path(), recipe, dataset, reporter);
    const InterruptGuard guard;
    std::optional<Publisher> publisher;  // made when it is known where the run goes on
    Trainer trainer({.recipe = recipe,
                     .plan = plan,
                     .dataset = dataset,
                     .model = *model,
                     .step = step,
                     .training_inputs = training_inputs,
                     .validation_inputs = validation_inputs,
                     .folder = folder,
                     .reporter = reporter,
                     .metadata = metadata(description, dataset, recipe),
                     .after_epoch = [&](const EpochMetrics& metrics,
                                        const EpochTiming& timing) { publisher->epoch(metrics, timing); }},
                    {options.max_steps, options.max_minutes});
    if (trainer.resume()) {
        const Progress& progress = trainer.progress();
        reporter.notice(trainer.finished() ? fmt::format("the run in {} is finished", out.string())
                                           : fmt::format("going on after step {}, in epoch {}", progress.step,
                                                         progress.epoch + 1));
    }
    publisher.emplace(folder, options.tensorboard, trainer.progress().step, reporter);
    const Ending ending = trainer.run();
    reporter.end(ending.best);
    return ending.signal == 0 ? 0 : 128 + ending.signal;
}

}  // namespace vitrine::train
