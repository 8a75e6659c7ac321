// The table of keys in tools/recipes/README.md is what recipe_fields.h lists.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <concepts>

#include "tests/folders.h"
#include "tests/tools/program.h"
#include "tools/recipe/recipe_fields.h"
#include "tools/recipe/recipe_file.h"

namespace vitrine::recipe {
namespace {

/// A row of Markdown for each field.
class KeyTable {
  public:
    std::string markdown =
        "| key | flag of `train` | default | what it is |\n"
        "|---|---|---|---|\n";
    std::vector<std::string> places;

    /// The table whose fields come next.
    std::string table;

    void folder(const Key& key, const std::string&) { add(key, ""); }
    void file(const Key& key, const std::string&) { add(key, ""); }
    void text(const Key& key, const std::string& value) { add(key, fmt::format("`{}`", toml_text(value))); }
    void whole(const Key& key, std::integral auto value, int64_t, int64_t) {
        add(key, fmt::to_string(value));
    }
    void number(const Key& key, std::optional<double> value, Limits) {
        add(key, value && !key.standing ? toml_number(*value) : "");
    }
    void flag(const Key& key, std::optional<bool> value) { add(key, fmt::to_string(value.value_or(false))); }
    void choice(const Key& key, const std::string& value, const std::vector<std::string>&) {
        text(key, value);
    }
    template <class Enum, size_t count>
    void choice(const Key& key, Enum value, const std::array<tools::Name<Enum>, count>& names) {
        text(key, std::string(name_in(names, value)));
    }
    void weighting(const Key& key, const ClassWeighting&, const char* alike) { text(key, alike); }
    void scheduler(const Key& key, const optim::SchedulerSpec&, double) { add(key, "constant"); }
    void warmup(const Key& key, const std::optional<optim::Warmup>&) { add(key, "none"); }
    void hold(const Key& key, const std::optional<optim::Hold>&) { add(key, "none"); }
    bool check(std::string_view, bool, const std::string&) { return true; }

  private:
    /// Without the lines that it is broken into for --help.
    static std::string on_one_line(std::string words) {
        std::ranges::replace(words, '\n', ' ');
        return words.substr(words.starts_with(' ') ? 1 : 0);
    }
    void add(const Key& key, const std::string& value) {
        std::string usual = value;
        if (key.standing && !key.standing->empty())
            usual += (usual.empty() ? "" : ": ") + on_one_line(*key.standing);
        places.push_back(table + key.name);
        markdown += fmt::format("| `{}{}` | {} | {} | {} |\n", table, key.name,
                                key.flag.empty() ? "" : fmt::format("`{}`", key.flag), usual,
                                on_one_line(key.meaning));
    }
};

template <class Settings, class... Context>
void walk(KeyTable& keys, const char* table, Settings settings, Context... context) {
    keys.table = table;
    visit_fields(settings, context..., keys);
}

KeyTable all_keys() {
    KeyTable keys;
    walk(keys, "", Recipe{});
    walk(keys, "data.", DataSettings{});
    walk(keys, "model.", ModelSettings{});
    walk(keys, "training.", TrainingSettings{});
    PhaseSettings phase;
    phase.name = "phase 1";
    walk(keys, "phase.", phase, size_t{1});
    return keys;
}

TEST_CASE("the README of recipes has a row for each key, with its flag, its default and its meaning") {
    const KeyTable keys = all_keys();
    CAPTURE(keys.markdown);  // to be put there
    CHECK(tests::content_of(tests::repository() / "tools/recipes/README.md").find(keys.markdown) !=
          std::string::npos);
}

TEST_CASE("each key is written out by --show-recipe, but those that another one leaves without a meaning") {
    for (const models::ModelInfo& model : models::all_models()) {
        toml::table table =
            parse_toml(fmt::format("[data]\nvalidation = 0.2\n[model]\nname = \"{}\"\n[[phase]]\n"
                                   "head_lr = 0.1\nwarmup = {{ length = 1, per = \"epoch\" }}\n"
                                   "hold = {{ length = 1, per = \"epoch\" }}\n",
                                   model.name),
                       "recipe");
        const auto written = values_by_place(parse_toml(to_toml(parse_recipe(table, "recipe")), "whole"));
        for (std::string place : all_keys().places) {
            CAPTURE(place);
            if (place == "phase.scheduler" || place == "phase.warmup" || place == "phase.hold")
                place += ".per";
            if (place.starts_with("phase.")) place.insert(6, "1.");
            const auto option = std::ranges::find_if(models::all_model_options(), [&](const auto& each) {
                return place == fmt::format("model.{}", each.key);
            });
            const bool meant = option == models::all_model_options().end() || model.has(*option);
            CHECK(written.contains(place) == meant);
        }
    }
}

TEST_CASE("train --help lists the flag of each key that has one") {
    const std::string help = tests::run("train", {"--help"}).out;
    const std::string rows = all_keys().markdown;
    for (size_t at = rows.find("`--"); at != std::string::npos; at = rows.find("`--", at + 1)) {
        const std::string flag = rows.substr(at + 1, rows.find('`', at + 1) - at - 1);
        CHECK_MESSAGE(help.find("\n  " + flag + " ") != std::string::npos, flag);
    }
}

TEST_CASE("a learning rate that a recipe leaves out is that of its model") {
    for (const models::ModelInfo& model : models::all_models()) {
        CAPTURE(model.name);
        const toml::table table = parse_toml(fmt::format("model.name = \"{}\"", model.name), "recipe");
        CHECK(parse_recipe(table, "recipe").phases.front().learning_rate == model.learning_rate);
    }
}

}  // namespace
}  // namespace vitrine::recipe
