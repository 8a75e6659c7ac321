// From a TOML table to a recipe: see recipe.h.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <concepts>

#include "data/transforms/parse_pipeline.h"
#include "engine/error.h"
#include "models/models.h"
#include "tools/recipe/parse_scheduler.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/recipe_fields.h"
#include "tools/recipe/unused_settings.h"

namespace vitrine::recipe {
namespace {

constexpr size_t most_phases = 1000;

const toml::table empty_table;

const toml::table& table_of(TableReader& reader, std::string_view key) {
    const toml::node* node = reader.node(key);
    if (node == nullptr) return empty_table;
    if (const toml::table* table = node->as_table()) return *table;
    reader.fail_at(*node, fmt::format("{} of {} must be a table", key, reader.what()));
}

/// one_cycle's highest rate is the phase's, unless it says otherwise.
optim::SchedulerSpec scheduler_of(const toml::table& table, const std::string& source, double learning_rate) {
    if (table["kind"].value<std::string_view>() != "one_cycle" || table.contains("max_lr"))
        return tools::parse_scheduler(table, source);
    toml::table whole = table;
    whole.insert("max_lr", learning_rate);
    return tools::parse_scheduler(whole, source);
}

/// Of a table, class by class.
ClassWeighting listed_weights(TableReader& reader, const std::string& key, const toml::table& table) {
    ClassWeighting weighting{ClassWeighting::Kind::listed, {}};
    TableReader weights(table, reader.source(), key);
    bool some = false;
    for (const auto& [name, value] : table) {
        const std::string text(name.str());
        const double weight = *weights.number(text, not_negative);
        weighting.weights[text] = weight;
        some |= weight > 0.0;
    }
    if (!some)
        reader.fail_at(table, fmt::format("{} of {} has no class with a weight above 0", key, reader.what()));
    return weighting;
}

/// Reads each field from a table. What is not there keeps its value.
class FieldReader {
  public:
    explicit FieldReader(TableReader& reader) : reader_(reader) {}

    void folder(const Key& key, std::string& value) { text(key, value); }
    void file(const Key& key, std::string& value) { text(key, value); }
    void text(const Key& key, std::string& value) { take(value, reader_.text(key.name)); }
    void whole(const Key& key, std::integral auto& value, int64_t low, int64_t high) {
        take(value, reader_.whole(key.name, low, high));
    }
    template <class Number>  // or an optional one
    void number(const Key& key, Number& value, Limits limits) {
        take(value, reader_.number(key.name, limits));
    }
    template <class Flag>
    void flag(const Key& key, Flag& value) {
        take(value, reader_.flag(key.name));
    }
    void choice(const Key& key, std::string& value, const std::vector<std::string>& names) {
        take(value, reader_.choice(key.name, names));
    }
    template <class Enum, size_t count>
    void choice(const Key& key, Enum& value, const std::array<tools::Name<Enum>, count>& names) {
        std::vector<std::string> texts;
        for (const auto& name : names) texts.emplace_back(name.text);
        const std::optional<std::string> read = reader_.choice(key.name, texts);
        if (read) value = std::ranges::find(names, *read, &tools::Name<Enum>::text)->value;
    }
    void weighting(const Key& key, ClassWeighting& value, const char* alike) {
        const toml::node* node = reader_.node(key.name);
        if (node == nullptr) return;
        const std::string text = node->value_or<std::string>("");
        if (const toml::table* table = node->as_table())
            value = listed_weights(reader_, key.name, *table);
        else if (text == alike || text == "balanced")
            value = {text == alike ? ClassWeighting::Kind::alike : ClassWeighting::Kind::balanced, {}};
        else
            reader_.fail_at(*node,
                            fmt::format("{} of {} must be \"{}\", \"balanced\", or a table with the weight "
                                        "of each class, such as {{ cat = 1, lynx = 20 }}",
                                        key.name, reader_.what(), alike));
    }
    void scheduler(const Key& key, optim::SchedulerSpec& value, double learning_rate) {
        if (reader_.node(key.name) != nullptr)
            value = scheduler_of(table_of(reader_, key.name), reader_.source(), learning_rate);
    }
    void warmup(const Key& key, std::optional<optim::Warmup>& value) {
        if (reader_.node(key.name) != nullptr)
            value = tools::parse_warmup(table_of(reader_, key.name), reader_.source());
    }
    void hold(const Key& key, std::optional<optim::Hold>& value) {
        if (reader_.node(key.name) != nullptr)
            value = tools::parse_hold(table_of(reader_, key.name), reader_.source());
    }
    /// Fails at the key where it is there and must not be so.
    bool check(std::string_view key, bool holds, const std::string& sentence) {
        const toml::node* node = reader_.node(key);
        if (!holds && node != nullptr) reader_.fail_at(*node, sentence);
        return holds;
    }

  private:
    template <class T, class Read>
    static void take(T& value, const std::optional<Read>& read) {
        if (read) value = *read;
    }

    TableReader& reader_;
};

/// All fields of a table, and nothing else.
template <class Settings, class... Context>
void read_fields(Settings& settings, const toml::table& table, const std::string& source, const char* what,
                 Context... context) {
    TableReader reader(table, source, what);
    FieldReader fields(reader);
    visit_fields(settings, context..., fields);
    reader.finish();
}

PhaseSettings parse_phase(const toml::table& table, const std::string& source, const ModelSettings& model,
                          size_t number) {
    PhaseSettings phase;
    phase.name = fmt::format("phase {}", number);
    phase.learning_rate = models::model_from_name(model.name).learning_rate;
    read_fields(phase, table, source, "phase", number);
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

std::string learning_rates_of_models() {
    std::vector<std::string> rates;
    for (const models::ModelInfo& model : models::all_models())
        rates.push_back(fmt::format("{} for {}", model.learning_rate, model.name));
    return fmt::format("{}", fmt::join(rates, ", "));
}

std::string rounded_sizes_of_models() {
    std::vector<std::string> sizes;
    for (const models::ModelInfo& model : models::all_models()) {
        if (model.size_multiple > 1)
            sizes.push_back(
                fmt::format("for\n{} rounded up to a multiple of {}", model.name, model.size_multiple));
    }
    return fmt::format("{}", fmt::join(sizes, ", "));
}

Recipe parse_recipe(const toml::table& table, const std::string& source) {
    TableReader reader(table, source, "a recipe");
    Recipe recipe;
    recipe.source = source;
    FieldReader fields(reader);
    visit_fields(recipe, fields);
    read_fields(recipe.data, table_of(reader, "data"), source, "data");
    read_fields(recipe.model, table_of(reader, "model"), source, "model");
    const toml::table& transforms = table_of(reader, "transforms");
    recipe.transforms = parse_transforms(transforms, source);
    recipe.normalize_given = transforms.contains("normalize");
    recipe.transforms_table = transforms;
    read_fields(recipe.training, table_of(reader, "training"), source, "training");
    recipe.phases = parse_phases(reader, recipe.model);
    reader.finish();
    recipe.notices = unused_settings(table, recipe);
    return recipe;
}

}  // namespace vitrine::recipe
