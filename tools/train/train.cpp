// train's main mode: a recipe from its data to its last epoch, or from where it was.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/escape.h"
#include "engine/fusion.h"
#include "kernels/cores.h"
#include "kernels/device_collective.h"
#include "kernels/device_identity.h"
#include "models/models.h"
#include "tools/common/autotune_file.h"
#include "tools/common/run_program.h"
#include "tools/train/initial_weights.h"
#include "tools/train/interrupt.h"
#include "tools/train/out_folder.h"
#include "tools/train/own_files.h"
#include "tools/train/publisher.h"
#include "tools/train/run.h"
#include "tools/train/run_data.h"
#include "tools/train/run_lock.h"
#include "tools/train/settings.h"
#include "tools/train/setup.h"
#include "tools/train/shadow_folder.h"
#include "tools/train/trained_on.h"
#include "tools/train/trained_parts.h"
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
                                            const DatasetIdentity& data, const recipe::Recipe& recipe) {
    std::map<std::string, std::string> all = tools::to_metadata(description);
    all["dataset"] = data.kind;
    all["data"] = to_metadata(data);
    all["seed"] = std::to_string(recipe.seed);
    return all;
}

/// A full disk is no reason not to train.
void show_augmentation(const std::filesystem::path& folder, const recipe::Recipe& recipe,
                       const Dataset& dataset, Reporter& reporter) {
    try {
        write_preview_sheet(folder / preview_file, recipe, dataset, previewed_images);
    } catch (const Error& error) {
        reporter.notice(fmt::format("{}; the run goes on", error.what()));
    }
}

/// The images of another day have other sizes than those that are here.
void require_crop(const Dataset& dataset, const EvalTransform& evaluation) {
    if (dataset.keeping.shape == ImageShape::square || evaluation.center_crop > 0) return;
    throw Error(
        "with data.image_shape images may have any size, so that validation needs a center_crop, such as "
        "validation = { resize = 256, center_crop = 224 } in [transforms]");
}

/// Some models are made for one size of images.
int64_t network_size(const InputMaker& training, const InputMaker& validation, const std::string& model) {
    for (const InputMaker* inputs : {&training, &validation}) {
        const Size2 size = inputs->output_size();
        if (size.height != size.width)
            throw Error(
                fmt::format("the transforms make images of {}×{} pixels, but models take squares: end with "
                            "a crop, such as random_crop, and center_crop in validation",
                            size.width, size.height));
    }
    const int64_t trained = training.output_size().height, measured = validation.output_size().height;
    if (trained != measured && models::model_from_name(model).one_size)
        throw Error(
            fmt::format("{2} takes images of one size, but the transforms make {0}×{0} "
                        "pixels in training and {1}×{1} in validation",
                        trained, measured, model));
    return measured;
}

/// A run that is finished has nothing left to do, but was perhaps killed before all of it was drawn.
int conclude(const Options& options, RunFolder& folder, const Resumption& resumption, Reporter& reporter) {
    folder.set_logs(resumption.epochs, resumption.timings, resumption.progress.step);
    Publisher publisher(folder, options.tensorboard, reporter);
    publisher.redraw(resumption.epochs, resumption.timings);
    publisher.ending({end_of(options.recipe.phases.back(), resumption.progress)});
    reporter.notice(fmt::format("the run in {} is finished", folder.path().string()));
    reporter.results(folder.results(judged_weights(options.recipe)));
    reporter.end(resumption.progress.best);
    return 0;
}

/// Trains, and leaves in the folder how that ended, also where it failed.
RunResult run_to_end(Trainer& trainer, const RunFolder& folder, std::optional<Publisher>& publisher,
                     Reporter& reporter) {
    const auto publish = [&](const RunEnding& ending) {
        if (!publisher) return;
        publisher->ending(ending);
        reporter.results(folder.results(trainer.judged_weights()));
    };
    try {
        RunResult result = trainer.run();
        if (result.missing_weights.empty())
            publish({result.by});
        else
            publish({EndedBy::failure, trainer.failure(result.missing_weights)});
        return result;
    } catch (const std::exception&) {
        publish({EndedBy::failure, trainer.failure(printable(tools::ending_of_exception().sentence))});
        throw;
    }
}

/// Recipe, settings, logs and a first checkpoint. What is interrupted here can be done again.
void write_beginning(RunFolder& folder, Trainer& trainer, const std::optional<Resumption>& resumption,
                     const recipe::Recipe& recipe, const Json& settings) {
    if (!resumption) folder.clear();
    if (resumption && resumption->changed && !trainer.save_checkpoint())
        throw Error("the changes cannot be kept, so the run does not go on with them");
    folder.write_settings(recipe::to_toml(recipe), settings);
    if (resumption)
        folder.set_logs(resumption->epochs, resumption->timings, resumption->progress.step);
    else
        trainer.save_checkpoint();
}

void say_where(const Resumption& resumption, const Trainer& trainer, Reporter& reporter) {
    const Progress& progress = resumption.progress;
    if (resumption.finished) return reporter.notice("the run is finished with that");
    reporter.notice(fmt::format("going on after step {}, in epoch {}", progress.step, progress.epoch + 1));
    if (!resumption.changed || progress.at_phase_start()) return;
    reporter.notice(
        fmt::format("the schedule goes on where a run has it that had this recipe from its beginning: with "
                    "a learning rate of {:g}, after {:g} in the step before",
                    trainer.setting().learning_rate, progress.last_setting.learning_rate));
}

/// What several processes cannot do, or not yet.
void check_ranks(const Options& options, const Ranks& ranks) {
    if (!ranks.several()) return;
    const int64_t shards = options.recipe.training.shards;
    if (shards % ranks.count() != 0)
        throw Error(
            fmt::format("{} processes cannot share the shards of a batch, of which there are {}: "
                        "training.shards must be a "
                        "multiple of {}; it decides what is computed, however many processes there are",
                        ranks.count(), shards, ranks.count()));
    if (!options.autotune.empty())
        throw Error("--autotune is for one process: several would choose differently");
    if (options.dump_batches > 0)
        throw Error("--dump-batches is for one process, which is fed the same shards, one after the other");
}

/// Layers that compute each op by itself leave no moments to put together.
void check_fusion(const recipe::TrainingSettings& training, Device device) {
    if (training.sync_batch_norm && !fuses(device))
        throw Error("training.sync_batch_norm needs fused layers: choose --fusion on");
}

/// The folder of this process, in its hands: the run's own, or a copy where that is the first process's.
struct Home {
    std::optional<ShadowFolder> shadow;
    std::optional<RunLock> lock;
};

void enter(Home& home, const Options& options, Ranks& ranks) {
    const auto take = [&] {
        home.lock.emplace(options.out.empty() ? RunLock::of_new_folder(options.recipe.model.name)
                                              : RunLock(options.out));
    };
    if (ranks.is_first()) take();
    if (!ranks.several()) return;
    const std::string run =
        ranks.told_by_first(home.lock ? std::filesystem::absolute(home.lock->folder()).string() : "");
    if (!ranks.is_first()) {
        home.shadow.emplace(run);
        home.lock.emplace(home.shadow->path());
    }
    ranks.wait_for_all();  // before the first one changes what is there
}

/// The processes' devices, joined, and what is to be said of how.
JoinedDevices join(const Options& options, Device device, Ranks& ranks, Reporter& reporter) {
    if (ranks.several()) {  // which talk to each other here as their device and way want it
        ranks.require_same("device", name_of(device));
        ranks.require_same("way to the others (--collective)", options.collective);
    }
    JoinedDevices joined = join_devices(device, ranks.processes(), options.collective);
    if (!joined.refused.empty())
        reporter.notice(
            fmt::format("gradients of {} processes go through the host's memory, which takes longer: {}",
                        ranks.count(), joined.refused));
    if (joined.collective->sums())
        reporter.notice(
            "with --collective nccl_sums the result depends on the number of processes: NCCL adds up in an "
            "order of its own");
    return joined;
}

std::string this_program() {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void require_same_run(Ranks& ranks, const Options& options, const DatasetIdentity& identity,
                      const tools::DeviceChoice& device, Reporter& reporter) {
    if (!ranks.several()) return;
    ranks.require_same("recipe", recipe::to_toml(options.recipe));
    ranks.require_same("data set", pack(identity));
    ranks.require_same("choice of implementations (--impl)",
                       fmt::format("{}", fmt::join(options.implementations, " ")));
    ranks.require_same(
        "limit (--max-steps, --max-minutes)",
        fmt::format("{} {}", options.max_steps.value_or(-1), options.max_minutes.value_or(-1.0)));
    ranks.require_same("build of train", this_program());
    const bool on_gpu = device.device == Device::cuda;
    const std::string hardware = on_gpu ? device_identity(device.device) : processor_name();
    if (const std::optional<int> other = ranks.other_than_first(hardware))
        reporter.notice(fmt::format(
            "process {} runs on another {} than process 0: where one rounds otherwise, the result "
            "depends on which shards it has had",
            *other, on_gpu ? "GPU or driver" : "processor"));
}

}  // namespace

int train(const Options& options, Reporter& reporter, Ranks& ranks) {
    const recipe::Recipe& recipe = options.recipe;
    if (ranks.several())
        choose_gpu(options.device == "auto" ? Device::cuda : device_from_name(options.device),
                   ranks.processes());
    const tools::DeviceChoice device = set_up_machine(options);
    check_ranks(options, ranks);
    const JoinedDevices joined = join(options, device.device, ranks, reporter);
    check_fusion(recipe.training, device.device);
    std::optional<tools::AutotuneFile> autotune;
    if (!options.autotune.empty()) {
        autotune.emplace(options.autotune, device.device,
                         [&](const std::string& sentence) { reporter.notice(sentence); });
    }
    if (!options.out.empty()) refuse_as_data(options.out, recipe.data.path);
    Home home;
    enter(home, options, ranks);
    RunFolder folder(home.lock->folder(), recipe.training.keep_checkpoints);
    std::optional<Resumption> resumption;
    if (options.existing != Existing::overwrite)
        resumption = find_resumption(folder, recipe, options.existing, reporter);
    if (resumption && resumption->finished && !resumption->changed)
        return conclude(options, folder, *resumption, reporter);

    // What can be refused without the data, before they are decoded.
    const std::shared_ptr<nn::Module> outline =
        models::make_outline(recipe.model.name, {.variant = recipe.model.variant});
    for (const recipe::PhaseSettings& phase : recipe.phases)
        check_trained_parts(phase, recipe.model.name, *outline);
    std::optional<InitialState> initial;
    if (!resumption && !recipe.model.init.empty()) initial = read_initial_state(recipe, *outline, reporter);

    std::optional<DatasetIdentity> known;
    if (resumption) known = known_data(resumption->checkpoint, resumption->source, reporter);
    const auto [dataset, data_changed] =
        ranks.first_then_others([&] { return load_run_data(options, home.lock->folder(), known, reporter); });
    if (data_changed) resumption->changed = resumption->new_batches = true;
    const DatasetIdentity identity = identity_of(dataset, options.threads);
    const Transforms transforms = transforms_for(recipe, dataset);
    const Placement placement{recipe.training.precision, device.device};
    require_crop(dataset, transforms.evaluation);
    InputMaker training_inputs(dataset.train, transforms.train, placement, recipe.seed);
    InputMaker validation_inputs(dataset.validation, transforms.evaluation, placement);
    const tools::ModelDescription description =
        describe_model(recipe, dataset, transforms.evaluation,
                       network_size(training_inputs, validation_inputs, recipe.model.name));
    const std::shared_ptr<nn::Module> model = tools::build_model(description, placement, recipe.seed);
    const bool new_head = initial && load_initial_weights(*initial, *model, description, reporter);
    const ClassWeights class_weights = class_weights_of(recipe.training, dataset);
    const RunPlan plan = plan_run(recipe, dataset.train.count);
    TrainingStep step(*model, sgd_options(recipe.phases.front()), recipe.training.label_smoothing);
    step.divide_batches(recipe.training.shards, *joined.collective);
    if (recipe.training.sync_batch_norm) step.synchronise_batch_norm();
    if (!class_weights.loss.empty()) step.weigh_classes(class_weights.loss);
    if (initial && initial->optimizer)
        load_optimizer(*initial->optimizer, first_update_of(recipe, plan.steps_per_epoch), new_head, *model,
                       step.optimiser(), initial->source, reporter);

    if (resumption) fit_to_plan(*resumption, plan, options.existing, reporter);
    BatchDump dump(folder.path(), options.dump_batches);
    std::optional<Publisher>
        publisher;  // of the first process, made when the logs are what they are going to be
    Trainer trainer({.recipe = recipe,
                     .plan = plan,
                     .dataset = dataset,
                     .class_weights = class_weights,
                     .identity = identity,
                     .model = *model,
                     .step = step,
                     .training_inputs = training_inputs,
                     .validation_inputs = validation_inputs,
                     .folder = folder,
                     .reporter = reporter,
                     .metadata = metadata(description, identity, recipe),
                     .dump = &dump,
                     .ranks = ranks,
                     .after_epoch =
                         [&](const EpochMetrics& metrics, const EpochTiming& timing) {
                             if (publisher) publisher->epoch(metrics, timing);
                         }},
                    {.steps = options.max_steps,
                     .minutes = options.max_minutes,
                     .short_validation = device.device == Device::simt});
    if (resumption) trainer.resume(*resumption);

    require_same_run(ranks, options, identity, device, reporter);
    ranks.begin(60.0 * options.process_minutes);

    // Nothing was written so far, and nothing can be refused any more.
    const InterruptGuard guard;
    const RepeatedImages repeated = repeated_images(identity);
    const RunInfo info{recipe,       plan,        dataset, identity,      repeated,
                       transforms,   description, device,  class_weights, parameter_count(*model),
                       ranks.count()};
    const Json run = settings(info);
    write_beginning(folder, trainer, resumption, recipe, run);
    reporter.begin(run, headlines(info, folder.path().string()));
    for (const std::string& mistake : sentences_on(repeated, identity)) reporter.notice(mistake);
    for (const std::string& notice : recipe.notices) reporter.notice(notice);
    for (const std::string& warning : tools::schedule_warnings(planned_phases(plan)))
        reporter.notice(warning);
    for (const recipe::PhaseSettings& phase : recipe.phases) {
        if (!phase.freeze.empty()) reporter.notice(describe_trained_parts(phase, *model));
    }
    if (transforms.train.is_random() && ranks.is_first())
        show_augmentation(folder.path(), recipe, dataset, reporter);
    if (resumption) say_where(*resumption, trainer, reporter);
    if (ranks.is_first()) {
        publisher.emplace(folder, options.tensorboard, reporter);
        publisher->redraw(resumption ? resumption->epochs : std::vector<EpochMetrics>(),
                          resumption ? resumption->timings : std::vector<EpochTiming>());
    }
    const RunResult result = run_to_end(trainer, folder, publisher, reporter);
    if (autotune) {
        for (const std::string& sentence : autotune->summary()) reporter.notice(sentence);
    }
    reporter.end(result.best);
    if (!result.missing_weights.empty()) reporter.notice(fmt::format("train: {}", result.missing_weights));
    if (result.signal != 0) return 128 + result.signal;
    return result.missing_weights.empty() ? 0 : 1;
}

}  // namespace vitrine::train
