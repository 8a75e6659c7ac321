// The settings of runs as reports name them: by the places that train's --set takes.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/tools/program.h"
#include "tests/tools/report_support.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/recipe_file.h"
#include "tools/report/page_data.h"

namespace vitrine::tests {
namespace {

/// Lists in lists, schedulers, warm-ups, mixed batches: every kind of value that a recipe has.
constexpr const char* rich = R"(seed = 3
[data]
path = "a \"b\""
validation = 0.1
[model]
name = "mobilenet_v2"
[transforms]
resize = 32
augment = [
  { op = "random_horizontal_flip" },
  { op = "random_choice", of = [{ op = "random_horizontal_flip", p = 0.25 }, { op = "random_vertical_flip" }] },
]
normalize = { mean = [0.5, 0.25, 0.125], std = [0.1, 0.2, 0.3] }
batch = { mixup = 0.2, cutmix = 1.0 }
[training]
batch_size = 16
class_weights = { cat = 1, dog = 0.5 }
sampler = "balanced"
[[phase]]
name = "first"
epochs = 2
lr = 0.5
scheduler = { kind = "cosine", per = "batch" }
warmup = { length = 20, start_factor = 0.05, per = "batch" }
[[phase]]
name = "second"
epochs = 1
scheduler = { kind = "constant" }
)";

std::string resolved(const toml::table& table) {
    return recipe::to_toml(recipe::parse_recipe(table, "the test's"));
}
std::string resolved(const std::string& text) { return resolved(parse_toml(text, "the test's")); }

Json data_of_recipe(const std::string& text) {
    report::RunFiles run;
    run.recipe = text;
    return report::page_data(run);
}

TEST_CASE("report: a recipe's settings by place, lists of values whole, tables in lists counted from 1") {
    const Json data = data_of_recipe(
        "seed = 7\n[data]\npath = 'a\"b'\nmean = [0.1, 0.2]\n[[phase]]\nepochs = 3\n[[phase]]\nx.y = true\n"
        "s = [{ a = 1 }, { a = 2.0 }]\n");
    CHECK(data["settings"] == Json{{"data.mean", "[0.1, 0.2]"},
                                   {"data.path", "\"a\\\"b\""},
                                   {"phase.1.epochs", "3"},
                                   {"phase.2.s.1.a", "1"},
                                   {"phase.2.s.2.a", "2.0"},
                                   {"phase.2.x.y", "true"},
                                   {"seed", "7"}});
    CHECK(data["setting_groups"]["phase.2.s"] == "[{ a = 1 }, { a = 2.0 }]");
    CHECK(data["setting_groups"]["phase.2.x"] == "{ y = true }");
    CHECK(data_of_recipe("seed =")["settings"].empty());
}

TEST_CASE("report: --set takes every name and value that a report shows, and changes nothing by it") {
    const std::string recipe = resolved(rich);
    const Json data = data_of_recipe(recipe);
    CHECK(data["settings"].size() > 40);
    CHECK(data["settings"]["phase.1.lr"] == "0.5");
    CHECK(data["settings"]["training.batch_size"] == "16");
    CHECK(data["settings"]["transforms.augment.2.of.1.p"] == "0.25");
    for (const char* kind : {"settings", "setting_groups"}) {
        for (const auto& [place, value] : data[kind].items()) {
            CAPTURE(place);
            toml::table table = parse_toml(recipe, "the test's");
            recipe::set_assignment(table, fmt::format("{}={}", place, value.get<std::string>()));
            CHECK(resolved(table) == recipe);
        }
    }

    const TemporaryFolder folder;
    write_text(folder.path() / "recipe.toml", recipe);
    std::vector<std::string> arguments{folder / "recipe.toml", "--show-recipe"};
    for (const auto& [place, value] : data["settings"].items()) {
        arguments.emplace_back("--set");
        arguments.push_back(fmt::format("{}={}", place, value.get<std::string>()));
    }
    const Outcome outcome = run("train", arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.out == recipe);
}

TEST_CASE("report: what differs, set in one recipe, makes the other of it") {
    std::string other = rich;
    const auto replace = [&](const std::string& from, const std::string& to) {
        const size_t place = other.find(from);
        REQUIRE(place != std::string::npos);
        other.replace(place, from.size(), to);
    };
    replace("lr = 0.5", "lr = 0.125");
    replace("batch_size = 16", "batch_size = 8");
    replace("p = 0.25", "p = 0.75");
    replace("mean = [0.5, 0.25, 0.125]", "mean = [0.5, 0.5, 0.5]");
    replace("{ kind = \"constant\" }", "{ kind = \"cosine\", per = \"epoch\" }");
    const std::string a = resolved(rich), b = resolved(other);
    const Json before = data_of_recipe(a), after = data_of_recipe(b);
    toml::table table = parse_toml(a, "the test's");
    int changes = 0;
    for (const auto& [place, value] : after["settings"].items()) {
        const std::string text = value;
        if (before["settings"].value(place, "") == text || place.starts_with("phase.2.scheduler")) continue;
        recipe::set_assignment(table, fmt::format("{}={}", place, text));
        ++changes;
    }
    // Another kind of scheduler has other keys: it is set as a whole, as the page shows it then.
    const std::string scheduler = after["setting_groups"]["phase.2.scheduler"];
    recipe::set_assignment(table, fmt::format("phase.2.scheduler={}", scheduler));
    CHECK(changes == 4);
    CHECK(resolved(table) == b);
}

}  // namespace
}  // namespace vitrine::tests
