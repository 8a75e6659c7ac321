// A step of a run: see run_source.h. What train does before its first step, with its own functions.

#include "lab/inspect/source/run_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "data/loader.h"
#include "engine/error.h"
#include "engine/escape.h"
#include "engine/parse_toml.h"
#include "models/models.h"
#include "tools/common/input_maker.h"
#include "tools/common/weights_file.h"
#include "tools/recipe/recipe_file.h"
#include "tools/train/class_match.h"
#include "tools/train/class_weights.h"
#include "tools/train/phase_plan.h"
#include "tools/train/reporter.h"
#include "tools/train/run_state.h"
#include "tools/train/setup.h"
#include "tools/train/trained_parts.h"

namespace vitrine::inspect {
namespace {

namespace fs = std::filesystem;

/// A model's file, or a run's checkpoint.
struct Weights {
    SafeTensors state;                                     // of the model
    std::optional<tools::ModelDescription> description{};  // what a model says of itself; not a checkpoint
    int64_t steps = 0;                                     // that were made
    std::optional<toml::table> recipe{};                   // of a checkpoint
    SafeTensors optimiser{};                               // its momentum
};

/// All that the run went on from: not the averaged weights, which no step follows.
Weights of_checkpoint(const SafeTensors& file, const std::string& path) {
    Weights weights{.state = tools::part_of(file, "model.")};
    weights.steps = train::progress_in(file).step;
    weights.recipe = parse_toml(train::recipe_in(file), path);
    weights.optimiser = file;
    return weights;
}

std::optional<Weights> weights_in(const StepSource& source) {
    if (source.file.empty() || fs::path(source.file).extension() == ".toml") return std::nullopt;
    SafeTensors file = tools::read_tensors(source.file).state;
    if (tools::is_checkpoint(file)) return of_checkpoint(file, source.file);
    std::optional<tools::ModelDescription> description = tools::description_in(file, source.file);
    if (!description)
        throw Error(
            fmt::format("{} does not say which model it holds: a recipe (.toml) is needed, or a model or "
                        "checkpoint that train has written",
                        source.file));
    Weights weights{.state = std::move(file), .description = std::move(description)};
    const auto found = weights.state.metadata.find("step");
    if (found != weights.state.metadata.end())
        weights.steps = std::strtoll(found->second.c_str(), nullptr, 10);
    return weights;
}

/// The run's recipe lies beside its weights, or above its checkpoints.
std::string recipe_beside(const fs::path& weights) {
    for (const fs::path& folder : {weights.parent_path(), weights.parent_path().parent_path()}) {
        if (fs::exists(folder / "recipe.toml")) return (folder / "recipe.toml").string();
    }
    return "";
}

recipe::Recipe recipe_of(const StepSource& source, const std::optional<Weights>& weights) {
    const std::string file = weights && !weights->recipe ? recipe_beside(source.file) : source.file;
    toml::table table = weights && weights->recipe ? *weights->recipe
                        : file.empty()             ? toml::table{}
                                                   : recipe::read_toml(file);
    const auto set = [&](const char* place, const std::string& value, const char* flag) {
        recipe::set_value(table, place, value, flag);
    };
    if (!source.model.empty()) set("model.name", recipe::toml_text(source.model), "--model");
    if (source.image_size > 0) set("data.image_size", std::to_string(source.image_size), "--image-size");
    if (!source.data.empty()) set("data.path", recipe::toml_text(source.data), "--data");
    if (source.seed) set("seed", std::to_string(*source.seed), "--seed");
    set("training.batch_size", std::to_string(source.batch_size), "--batch-size");
    set("training.shards", "1", "--batch-size");  // one batch is looked at, in one piece
    set("training.sync_batch_norm", "false", "--batch-size");
    for (const std::string& assignment : source.assignments) recipe::set_assignment(table, assignment);
    recipe::Recipe recipe = recipe::parse_recipe(table, file.empty() ? "the command line" : file);
    if (weights && weights->description && recipe.model.name != weights->description->model) {
        if (!file.empty())
            throw Error(fmt::format("{} holds a {}, but {} trains a {}", source.file,
                                    weights->description->model, file, recipe.model.name));
        recipe.model.name = weights->description->model;
    }
    return recipe;
}

/// A place in the phases of a recipe.
struct Place {
    recipe::PhaseSettings phase;
    int64_t step = 0;  // of the phase
};

Place place_of(const recipe::Recipe& recipe, int64_t steps_per_epoch, int64_t step) {
    size_t number = 0;
    while (number + 1 < recipe.phases.size() && step >= recipe.phases[number].epochs * steps_per_epoch)
        step -= recipe.phases[number++].epochs * steps_per_epoch;
    const recipe::PhaseSettings& phase = recipe.phases[number];
    return {phase, std::clamp<int64_t>(step, 0, phase.epochs * steps_per_epoch - 1)};
}

UpdateOptions update_at(const recipe::Recipe& recipe, int64_t steps_per_epoch, int64_t step) {
    const auto [phase, inside] = place_of(recipe, steps_per_epoch, step);
    // What a plateau's scheduler has measured is not known here: it is as at its beginning.
    const bool measures = std::holds_alternative<optim::ReduceOnPlateauSpec>(phase.scheduler.kind);
    const std::vector<train::EpochMetrics> epochs(measures ? 0
                                                           : static_cast<size_t>(inside / steps_per_epoch));
    const optim::Hyperparameters setting =
        train::scheduler_after({phase, 0, phase.epochs}, steps_per_epoch, epochs, inside % steps_per_epoch)
            .setting();
    return {.learning_rate = setting.learning_rate,
            .momentum = setting.momentum,
            .clip_norm = recipe.training.clip_norm,
            .measure_norm = true};
}

/// What the optimiser remembers of the steps before; nothing where a phase begins that forgets it.
SafeTensors momentum_of(const std::optional<Weights>& weights, const recipe::Recipe& recipe,
                        int64_t steps_per_epoch) {
    if (!weights) return {};
    const auto [phase, inside] = place_of(recipe, steps_per_epoch, weights->steps);
    return inside == 0 && phase.reset_momentum ? SafeTensors{} : weights->optimiser;
}

/// For the step of the run, counted from 0, that is kept.
void set_optimiser(const recipe::Recipe& recipe, int64_t steps_per_epoch, int64_t kept,
                   const StepSource& source, const std::optional<Weights>& weights, PreparedStep& step) {
    const recipe::PhaseSettings phase = place_of(recipe, steps_per_epoch, kept).phase;
    StepSettings& settings = step.settings;
    settings.optimiser = train::sgd_options(phase);
    settings.update = update_at(recipe, steps_per_epoch, kept);
    settings.label_smoothing = recipe.training.label_smoothing;
    settings.seed = recipe.seed;
    settings.set_up = [phase, model = recipe.model.name, file = source.file,
                       momentum = momentum_of(weights, recipe, steps_per_epoch)](nn::Module& module,
                                                                                 TrainingStep& training) {
        train::check_trained_parts(phase, model, module);
        train::set_trained_parts(phase, model, module, training);
        training.optimiser().load_state(momentum, file);
    };
    step.training =
        fmt::format("{}; here learning rate {:.6g}", recipe::describe(phase), settings.update.learning_rate);
}

/// A set, and what makes the network's input of it.
struct Images {
    Dataset dataset;
    std::optional<InputMaker> inputs;
    std::optional<Loader> loader;
    train::ClassWeights class_weights;
    int64_t batches = 0, epoch = 0, next = 0;

    /// How the batch of a step of the run, counted from 0, is made.
    BatchMaking making(int64_t step) {
        if (step / batches != epoch || step % batches != next || next == 0) {
            epoch = step / batches;
            next = step % batches;
            loader->start_epoch(static_cast<uint32_t>(epoch), next);
        }
        Batch batch;
        loader->next(batch);
        ++next;
        auto [pixels, plan] = inputs->plan(batch, static_cast<uint32_t>(epoch));
        BatchMaking made{std::move(pixels), std::move(plan)};
        for (const int64_t sample : batch.samples) made.names.push_back(escape(dataset.train.name(sample)));
        return made;
    }
};

std::shared_ptr<Images> read_images(const recipe::Recipe& recipe, const StepSource& source,
                                    const std::optional<Weights>& weights, Placement placement,
                                    PreparedStep& step) {
    train::Options options;
    options.recipe = recipe;
    options.cache = source.cache;
    const std::unique_ptr<train::Reporter> reporter = train::make_quiet_reporter();
    auto images = std::make_shared<Images>();
    images->dataset = train::load_data(options, *reporter);
    Dataset& dataset = images->dataset;
    const bool described = weights && weights->description;
    if (described) {
        train::number_classes(dataset, weights->description->classes);
        train::check_classes(*weights->description, dataset, source.file, true);
    }
    images->class_weights = train::class_weights_of(recipe.training, dataset);
    const Transforms transforms = train::transforms_for(recipe, dataset);
    if (described && !recipe.normalize_given && recipe.transforms_table.empty())
        images->inputs.emplace(dataset.train, weights->description->preparation, placement);
    else
        images->inputs.emplace(dataset.train, transforms.train, placement, recipe.seed);
    images->loader.emplace(
        dataset.train, train::training_loader(recipe, dataset.train, images->class_weights, *images->inputs));
    step.settings.class_weights = images->class_weights.loss;
    step.images = recipe.data.path.empty() ? "Fashion-MNIST" : recipe.data.path;
    step.classes = dataset.class_names;
    return images;
}

/// Of images that nobody has: what the transforms end with, else what the model was made for.
int64_t size_without_images(const recipe::Recipe& recipe, const std::optional<Weights>& weights) {
    if (weights && weights->description) return weights->description->image_size;
    for (const int64_t size :
         {recipe.transforms.evaluation.center_crop, recipe.transforms.train.resize, recipe.data.image_size}) {
        if (size > 0) return size;
    }
    return models::model_from_name(recipe.model.name).image_size;
}

/// Of a model without images.
tools::ModelDescription describe_without_images(const recipe::Recipe& recipe, const StepSource& source,
                                                const std::optional<Weights>& weights, int64_t size) {
    if (weights && weights->description) return *weights->description;
    tools::ModelDescription description;
    description.model = recipe.model.name;
    description.image_size = size;
    description.variant = recipe.model.variant;
    if (weights) return tools::description_of_plain(weights->state, source.file, description);
    description.classes.resize(static_cast<size_t>(source.classes));
    return description;
}

std::shared_ptr<nn::Module> build(const tools::ModelDescription& description, const StepSource& source,
                                  const std::optional<Weights>& weights, uint64_t seed, Placement placement) {
    if (weights) return tools::build_model(description, placement, weights->state, source.file);
    return tools::build_model(description, placement, seed);
}

}  // namespace

PreparedStep of_run(const StepSource& source, Placement placement) {
    const std::optional<Weights> weights = weights_in(source);
    const recipe::Recipe recipe = recipe_of(source, weights);
    // A run's own recipe names its data, if only by leaving the path empty.
    const bool of_a_run = weights && (weights->recipe || !recipe_beside(source.file).empty());
    const bool has_images = !recipe.data.path.empty() || of_a_run;
    PreparedStep step;
    step.model_name = recipe.model.name;
    const int64_t steps = weights ? weights->steps : 0;  // that were made already
    const int64_t kept = steps + source.steps - 1;
    step.settings.first_batch = static_cast<uint32_t>(steps);
    step.step = kept + 1;
    if (!has_images) {
        const int64_t size = size_without_images(recipe, weights);
        const tools::ModelDescription description = describe_without_images(recipe, source, weights, size);
        step.model = build(description, source, weights, recipe.seed, placement);
        if (weights) step.classes = description.classes;
        set_optimiser(recipe, 1, 0, source, weights, step);  // how long an epoch is, only images say
        put_random_batch(source, size, std::ssize(description.classes), placement, step);
        return step;
    }
    const std::shared_ptr<Images> images = read_images(recipe, source, weights, placement, step);
    const train::RunPlan plan = train::plan_run(recipe, images->dataset.train.count);
    images->batches = plan.batches_per_epoch;
    set_optimiser(recipe, plan.steps_per_epoch, kept, source, weights, step);
    const Size2 size = images->inputs->output_size();
    if (size.height != size.width)
        throw Error(fmt::format("the transforms make images of {}×{} pixels, but models take squares",
                                size.width, size.height));
    const tools::ModelDescription description =
        weights && weights->description
            ? *weights->description
            : train::describe_model(recipe, images->dataset, recipe.transforms.evaluation, size.height);
    step.model = build(description, source, weights, recipe.seed, placement);
    step.settings.earlier = [images, recipe, steps, placement, length = plan.steps_per_epoch](int earlier) {
        const int64_t number = steps + earlier;
        const BatchMaking made = images->making(number);
        return EarlierStep{make_input(made.pixels, made.plan, placement.dtype),
                           update_at(recipe, length, number)};
    };
    const auto making = std::make_shared<BatchMaking>(images->making(kept));
    making->owner = images;
    step.input = make_input(making->pixels, making->plan, placement.dtype);
    step.settings.making = making;
    return step;
}

}  // namespace vitrine::inspect
