// Flags for keys of the recipe: see recipe_flags.h.

#include "tools/train/recipe_flags.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <concepts>

#include "engine/escape.h"
#include "tools/recipe/recipe_fields.h"

namespace vitrine::train {
namespace {

using recipe::Key;

/// Adds an option for each field that has a flag.
class FlagAdder {
  public:
    FlagAdder(CLI::App& app, RecipeFlags& flags, std::string table)
        : app_(app), flags_(flags), table_(std::move(table)) {}

    void folder(const Key& key, const std::string& value) { any_bytes(key, value, "DIR"); }
    void file(const Key& key, const std::string& value) { any_bytes(key, value, "FILE"); }
    void text(const Key& key, const std::string& value) { any_bytes(key, value, "NAME"); }
    void whole(const Key& key, std::integral auto value, int64_t low, int64_t high) {
        if (key.flag.empty()) return;
        if (key.flag_takes) {
            low = static_cast<int64_t>(key.flag_takes->low);
            high = static_cast<int64_t>(key.flag_takes->high);
        }
        tools::add_whole(
            app_, key.flag, low, high, [set = setter(key)](int64_t given) { set(std::to_string(given)); },
            help(key, fmt::to_string(value)));
    }
    void number(const Key& key, std::optional<double> value, Limits limits) {
        if (key.flag.empty()) return;
        const tools::Interval allowed = key.flag_takes.value_or(tools::Interval{limits.low, limits.high});
        tools::add_number(
            app_, key.flag, allowed, [set = setter(key)](double given) { set(recipe::toml_number(given)); },
            help(key, fmt::format("{}", value.value_or(0.0))));
    }
    void flag(const Key& key, std::optional<bool>) {
        if (key.flag.empty()) return;
        app_.add_flag_callback(
            key.flag, [set = setter(key)] { set("true"); }, help(key, ""));
    }
    void choice(const Key& key, const std::string& value, const std::vector<std::string>& names) {
        if (key.flag.empty()) return;
        tools::add_choice(
            app_, key.flag, names,
            [set = setter(key)](const std::string& name) { set(recipe::toml_text(name)); }, help(key, value));
    }
    template <class Enum, size_t count>
    void choice(const Key& key, Enum value, const std::array<tools::Name<Enum>, count>& names) {
        std::vector<std::string> texts;
        for (const auto& name : names) texts.emplace_back(name.text);
        choice(key, std::string(name_in(names, value)), texts);
    }
    /// A table of classes is the recipe's.
    void weighting(const Key& key, const recipe::ClassWeighting&, const char* alike) {
        choice(key, alike, {alike, "balanced"});
    }
    /// The kinds that need no keys of their own.
    void scheduler(const Key& key, const optim::SchedulerSpec&, double) {
        tools::add_choice(
            app_, key.flag, {"constant", "cosine", "one_cycle"},
            [&flags = flags_](const std::string& name) { flags.schedule = name; },
            "Of the learning rate over the run [one_cycle];\nrecipes have more of them");
    }
    void warmup(const Key&, const std::optional<optim::Warmup>&) {}
    void hold(const Key&, const std::optional<optim::Hold>&) {}
    bool check(std::string_view, bool, const std::string&) { return true; }

  private:
    /// A recipe is UTF-8, names of files and columns need not be.
    void any_bytes(const Key& key, const std::string& value, const char* type) {
        if (key.flag.empty()) return;
        app_.add_option_function<std::string>(
                key.flag,
                [set = setter(key)](const std::string& given) { set(recipe::toml_text(escape(given))); },
                help(key, value))
            ->type_name(type);
    }
    std::function<void(std::string)> setter(const Key& key) {
        return [&flags = flags_, place = table_ + key.name, flag = key.flag](std::string value) {
            flags.changes.push_back({place, std::move(value), flag});
        };
    }
    static std::string help(const Key& key, const std::string& usual) {
        const std::string standing = key.standing.value_or(usual);
        if (standing.empty()) return key.meaning;
        const bool own_line = standing.starts_with('\n');
        return fmt::format("{}{}[{}]", key.meaning, own_line ? "\n" : " ", standing.substr(own_line ? 1 : 0));
    }

    CLI::App& app_;
    RecipeFlags& flags_;
    std::string table_;  // "data."
};

template <class Settings, class... Context>
void add_flags(CLI::App& app, RecipeFlags& flags, const char* table, Settings defaults, Context... context) {
    FlagAdder adder(app, flags, table);
    visit_fields(defaults, context..., adder);
}

}  // namespace

const Change* RecipeFlags::find(const std::string& place) const {
    const auto found = std::ranges::find(changes, place, &Change::place);
    return found == changes.end() ? nullptr : &*found;
}

void add_data_flags(CLI::App& app, RecipeFlags& flags) {
    add_flags(app, flags, "data.", recipe::DataSettings{});
}

void add_model_flags(CLI::App& app, RecipeFlags& flags) {
    add_flags(app, flags, "model.", recipe::ModelSettings{});
}

void add_training_flags(CLI::App& app, RecipeFlags& flags) {
    add_flags(app, flags, "phase.", recipe::PhaseSettings{}, size_t{1});
    add_flags(app, flags, "training.", recipe::TrainingSettings{});
    add_flags(app, flags, "", recipe::Recipe{});
}

}  // namespace vitrine::train
