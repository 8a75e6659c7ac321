// From a TOML table to a recipe: see recipe.h.

#include <fmt/format.h>

#include "data/dataset.h"
#include "data/transforms/parse_pipeline.h"
#include "engine/error.h"
#include "models/models.h"
#include "tools/recipe/parse_scheduler.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/unused_settings.h"

namespace vitrine::recipe {
namespace {

constexpr int64_t billion = 1'000'000'000;
constexpr size_t most_phases = 1000;
constexpr Limits not_negative{0.0, unlimited};
constexpr Limits learning_rates{1e-30, 1e30};  // what is left of them in single precision
/// Shares that must not be everything.
constexpr Limits below_one{0.0, 0.999999};

const toml::table empty_table;

const toml::table& table_of(TableReader& reader, std::string_view key) {
    const toml::node* node = reader.node(key);
    if (node == nullptr) return empty_table;
    if (const toml::table* table = node->as_table()) return *table;
    reader.fail_at(*node, fmt::format("{} of {} must be a table", key, reader.what()));
}

DataSettings parse_data(const toml::table& table, const std::string& source) {
    TableReader reader(table, source, "data");
    DataSettings data;
    data.path = reader.text("path").value_or(data.path);
    data.kind = reader.choice("kind", dataset_kinds()).value_or(data.kind);
    data.image_size = reader.whole("image_size", 0, 4096, data.image_size);
    data.exif_orientation = reader.flag("exif_orientation");
    data.subset = reader.number("subset", {1e-9, 1.0}, data.subset);
    data.validation = reader.number("validation", {1e-9, 0.999999});
    data.strict = reader.flag("strict").value_or(data.strict);
    reader.finish();
    return data;
}

std::vector<std::string> model_names() {
    std::vector<std::string> names;
    for (const models::ModelInfo& model : models::all_models()) names.emplace_back(model.name);
    return names;
}

ModelSettings parse_model(const toml::table& table, const std::string& source) {
    TableReader reader(table, source, "model");
    ModelSettings model;
    model.name = reader.choice("name", model_names()).value_or(model.name);
    const bool mobile = model.name == "mobilenet_v2";
    for (const char* key : {"width_mult", "dropout"}) {
        const toml::node* node = reader.node(key);
        if (node != nullptr && !mobile)
            reader.fail_at(*node, fmt::format("{} has no {}; it is for mobilenet_v2", model.name, key));
    }
    model.width_mult = reader.number("width_mult", {0.01, 10.0}, model.width_mult);
    model.dropout = reader.number("dropout", below_one, model.dropout);
    reader.finish();
    return model;
}

TrainingSettings parse_training(const toml::table& table, const std::string& source) {
    TableReader reader(table, source, "training");
    TrainingSettings training;
    training.batch_size = reader.whole("batch_size", 2, 1'000'000, training.batch_size);
    training.accumulate = reader.whole("accumulate", 1, 1'000'000, training.accumulate);
    training.label_smoothing = reader.number("label_smoothing", share, training.label_smoothing);
    training.ema_decay = reader.number("ema_decay", below_one, training.ema_decay);
    training.clip_norm = reader.number("clip_norm", not_negative, training.clip_norm);
    training.skip_outliers = reader.number("skip_outliers", not_negative, training.skip_outliers);
    training.early_stopping = reader.whole("early_stopping", 0, billion, training.early_stopping);
    training.checkpoint_minutes =
        reader.number("checkpoint_minutes", not_negative, training.checkpoint_minutes);
    training.keep_checkpoints = reader.whole("keep_checkpoints", 1, 1000, training.keep_checkpoints);
    reader.finish();
    return training;
}

/// What was found to suit the model on Fashion-MNIST with the other defaults.
double default_learning_rate(const ModelSettings& model) { return model.name == "mobilenet_v2" ? 0.02 : 0.1; }

/// one_cycle's highest rate is the phase's, unless it says otherwise.
optim::SchedulerSpec scheduler_of(const toml::table& table, const std::string& source, double learning_rate) {
    if (table["kind"].value<std::string_view>() != "one_cycle" || table.contains("max_lr"))
        return tools::parse_scheduler(table, source);
    toml::table whole = table;
    whole.insert("max_lr", learning_rate);
    return tools::parse_scheduler(whole, source);
}

PhaseSettings parse_phase(const toml::table& table, const std::string& source, const ModelSettings& model,
                          size_t number) {
    TableReader reader(table, source, "phase");
    PhaseSettings phase;
    phase.name = reader.text("name").value_or(fmt::format("phase {}", number));
    phase.epochs = reader.whole("epochs", 1, 1'000'000, phase.epochs);
    phase.learning_rate = reader.number("lr", learning_rates, default_learning_rate(model));
    phase.momentum = reader.number("momentum", below_one, phase.momentum);
    phase.nesterov = reader.flag("nesterov").value_or(phase.nesterov);
    if (phase.nesterov && phase.momentum == 0.0)
        reader.fail_at(*reader.node("nesterov"), "nesterov of phase needs a momentum above 0");
    phase.weight_decay = reader.number("weight_decay", not_negative, phase.weight_decay);
    phase.decay_norms_and_biases =
        reader.flag("decay_norms_and_biases").value_or(phase.decay_norms_and_biases);
    if (reader.node("scheduler") != nullptr)
        phase.scheduler = scheduler_of(table_of(reader, "scheduler"), source, phase.learning_rate);
    if (reader.node("warmup") != nullptr)
        phase.scheduler.warmup = tools::parse_warmup(table_of(reader, "warmup"), source);
    const std::string start = reader.choice("start_from", {"last", "best"}).value_or("last");
    phase.start_from = start == "best" ? StartFrom::best : StartFrom::last;
    if (phase.start_from == StartFrom::best && number == 1)
        reader.fail_at(*reader.node("start_from"), "the first phase has none before it to take the best of");
    phase.reset_momentum = reader.flag("reset_momentum").value_or(phase.reset_momentum);
    reader.finish();
    return phase;
}

std::vector<PhaseSettings> parse_phases(TableReader& reader, const ModelSettings& model) {
    const toml::node* node = reader.node("phase");
    if (node == nullptr) return {parse_phase(empty_table, reader.source(), model, 1)};
    const toml::array* array = node->as_array();
    if (array == nullptr || array->empty())
        reader.fail_at(*node, "phases are written as [[phase]], one table for each");
    if (array->size() > most_phases)
        reader.fail_at(*node, fmt::format("a recipe has at most {} phases, this one has {}", most_phases,
                                          array->size()));
    std::vector<PhaseSettings> phases;
    for (const toml::node& each : *array) {
        const toml::table* table = each.as_table();
        if (table == nullptr) reader.fail_at(each, "a phase must be a table: [[phase]]");
        phases.push_back(parse_phase(*table, reader.source(), model, phases.size() + 1));
    }
    return phases;
}

}  // namespace

Recipe parse_recipe(const toml::table& table, const std::string& source) {
    TableReader reader(table, source, "a recipe");
    Recipe recipe;
    recipe.source = source;
    recipe.seed = static_cast<uint64_t>(reader.whole("seed", 0, std::numeric_limits<int64_t>::max(), 0));
    recipe.data = parse_data(table_of(reader, "data"), source);
    recipe.model = parse_model(table_of(reader, "model"), source);
    const toml::table& transforms = table_of(reader, "transforms");
    recipe.transforms = parse_transforms(transforms, source);
    recipe.normalize_given = transforms.contains("normalize");
    recipe.transforms_table = transforms;
    recipe.training = parse_training(table_of(reader, "training"), source);
    recipe.phases = parse_phases(reader, recipe.model);
    reader.finish();
    recipe.notices = unused_settings(table, recipe);
    return recipe;
}

}  // namespace vitrine::recipe
