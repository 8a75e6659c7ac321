// Recipes that nobody would write, and what --set is given beside a value.

#include <doctest/doctest.h>

#include "engine/error.h"
#include "tests/tools/program.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/recipe_file.h"

namespace vitrine::tests {
namespace {

std::string complaint(const std::string& text, const std::vector<std::string>& assignments = {}) {
    try {
        toml::table table = parse_toml(text, "r.toml");
        for (const std::string& assignment : assignments) recipe::set_assignment(table, assignment);
        recipe::parse_recipe(table, "r.toml");
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

void check_refused(const std::string& text, const std::string& part) {
    CAPTURE(text.substr(0, 80));
    const std::string sentence = complaint(text);
    CAPTURE(sentence.substr(0, 200));
    CHECK(sentence.find(part) != std::string::npos);
}

/// What --set a=… puts there, as TOML.
std::string value_set_by(const std::string& assignment) {
    toml::table table;
    recipe::set_assignment(table, assignment);
    CHECK(table.size() == 1);
    return recipe::toml_value(*table.get("a"));
}

TEST_CASE("recipes: --set takes one value of TOML") {
    CHECK(value_set_by("a=1") == "1");
    CHECK(value_set_by("a=[\n1, # one\n2]") == "[1, 2]");
    CHECK(value_set_by("a={ b = 'c # d' }") == "{ b = \"c # d\" }");
    CHECK(value_set_by("a='x=y'") == "\"x=y\"");
    CHECK(value_set_by("a=\"\"") == "\"\"");
}

TEST_CASE(
    "recipes: what is more than one value is text, to the last character, and text comes back as it was") {
    for (const std::string text : {"1\nfoo=2",
                                   "1 # a comment",
                                   "1\n[table]",
                                   "1]\nx=[2",
                                   "1] # ",
                                   "1, 2",
                                   "2]",
                                   "x y",
                                   "[table]",
                                   "1\n\n#",
                                   "\"a\" \"b\"",
                                   "it's",
                                   "a\tb\x7f\x01",
                                   "1\r\nb=2",
                                   "'''",
                                   "größer",
                                   "{ b = 1",
                                   "nan nan",
                                   "9223372036854775808",
                                   "\\",
                                   "\"",
                                   "\"\"\"\n"}) {
        CAPTURE(text);
        CHECK(value_set_by("a=" + text) == recipe::toml_text(text));
        toml::table back = parse_toml("a = " + recipe::toml_text(text), "back");
        CHECK(back["a"].value<std::string>() == text);
    }
    const std::string recipe = "[[phase]]\nlr = 1\n";
    const std::string whole = "seed of a recipe must be a whole number";
    CHECK(complaint(recipe, {"seed=1\nfoo=2"}).find(whole) != std::string::npos);
    CHECK(complaint(recipe, {"seed=1 # two"}).find(whole) != std::string::npos);
    CHECK(complaint(recipe, {"[data]=1"}).find("has no '[data]'") != std::string::npos);
}

TEST_CASE("recipes: --set without a value, with bytes that are no text, or with a key without end") {
    const auto refused = [](const std::string& assignment, const char* part) {
        toml::table table;
        CHECK_THROWS_WITH_AS(recipe::set_assignment(table, assignment), doctest::Contains(part), Error);
    };
    refused("a=", "a value is needed");
    refused("a=  ", "a value is needed");
    refused("a=\xff", "UTF-8");
    std::string deep = "a";
    for (int i = 0; i < 30'000; ++i) deep += ".a";
    refused(deep + "=1", "a key of more than 16 parts");
}

TEST_CASE("recipes: what is nested deeper or larger than any recipe is refused before it is read") {
    std::string dotted = "a", quoted = "'a'", header = "[a", tables = "a = ", phases;
    for (int i = 0; i < 200'000; ++i) dotted += ".a", header += ".a";
    for (int i = 0; i < 100'000; ++i) quoted += " . 'a'", tables += "{b=";
    for (int i = 0; i < 1001; ++i) phases += "[[phase]]\n";
    check_refused(dotted + " = 1", "r.toml:1: a key of more than 16 parts");
    check_refused("\n" + quoted + " = 1", "r.toml:2: a key of more than 16 parts");
    check_refused("seed = 1\n" + header + "]\n", "r.toml:2: a key of more than 16 parts");
    check_refused("[" + header + "]]\n", "a key of more than 16 parts");
    check_refused("a = { " + dotted + " = 1 }", "a key of more than 16 parts");
    check_refused("a = " + std::string(200'000, '['), "brackets within each other more than 64 deep");
    check_refused(tables, "brackets within each other more than 64 deep");
    check_refused("a = '" + std::string(1'000'000, 'x') + "'", "larger than 1000000 bytes");
    check_refused(phases, "a recipe has at most 1000 phases, this one has 1001");
}

TEST_CASE("recipes: characters beyond ASCII belong into quotes and comments") {
    for (const std::string letter : {"ґ", "ö", "\u00a0", "\u2003", "\ufeff", "語", "\xff"}) {
        check_refused("seed = 1" + letter + "\n", "r.toml:1: ");
        check_refused("seed = 1\n" + letter + " = 1\n", "r.toml:2: ");
        for (const std::string blanks : {"", " \t"})
            check_refused("[data]\npath = \"\"\"\\" + blanks + letter + "\"\"\"\n", "r.toml:2: ");
        for (const std::string word : {"0'5", "0.'5", "0{'", "'0''"})
            check_refused("seed = " + word + letter + "'\n", "r.toml:1: ");
    }
    check_refused("größer = 1\n", "r.toml:1: ");
    for (const std::string bytes : {"\xff", "\xc3", "\xed\xa0\x80", "\xf5\x80\x80\x80"})
        check_refused("# ö\n\n[data]\npath = '" + bytes + "'\n", "r.toml:4: this is not UTF-8");
    CHECK(complaint("\xef\xbb\xbf# größer\n[data]\npath = 'größer'\nkind = \"auto\" # ґ\n") == "");
    CHECK(complaint("", {"data.path=größer ґ"}) == "");
}

TEST_CASE("recipes: dots and brackets in texts, comments and numbers are none of keys") {
    const std::string odd = std::string(100, '.') + std::string(100, '[');
    CHECK(complaint("# " + odd + "\n[data]\npath = \"" + odd + "\\\"" + odd + "\" # [[" + odd + "\n") == "");
    CHECK(complaint("[data]\npath = \"\"\"" + odd + "\n\"\"" + odd + "\"\"\"\"\"\n[[phase]]\nname = '''" +
                    odd + "'" + odd + "'''\n") == "");
    CHECK(complaint("[transforms]\nnormalize = { mean = [0.1, 0.2, 0.3], std = [0.1, 0.2, 0.3] }\n") == "");
}

TEST_CASE("recipes: numbers that are none, and whole numbers that are no whole ones") {
    for (const std::string value :
         {"inf", "-inf", "nan", "+nan", "1e31", "1e-31", "0", "-0.0", "'1'", "true", "[1]", "1e999"})
        check_refused("[[phase]]\nlr = " + value + "\n", "r.toml:2: ");
    for (const std::string key : {"weight_decay", "momentum"}) {
        for (const std::string value : {"inf", "nan", "-1e-320", "{}", "1979-05-27"})
            check_refused("[[phase]]\n" + key + " = " + value + "\n",
                          "r.toml:2: " + key + " of phase must be a number");
    }
    for (const std::string key :
         {"clip_norm", "skip_outliers", "checkpoint_minutes", "label_smoothing", "ema_decay"})
        check_refused("[training]\n" + key + " = inf\n",
                      "r.toml:2: " + key + " of training must be a number");
    for (const std::string key : {"batch_size", "accumulate", "keep_checkpoints", "early_stopping"}) {
        for (const std::string value :
             {"8.0", "inf", "nan", "1e3", "-1", "9223372036854775807", "'8'", "true"})
            check_refused("[training]\n" + key + " = " + value + "\n",
                          "r.toml:2: " + key + " of training must be a whole number");
        check_refused("[training]\n" + key + " = 9223372036854775808\n", "r.toml:2: ");
    }
    check_refused("[[phase]]\nepochs = 1000000000\n",
                  "epochs of phase must be a whole number from 1 to 1000000");
    check_refused("[[phase]]\nscheduler = { kind = 'exponential', gamma = inf, per = 'batch' }\n",
                  "gamma of exponential must be");
    check_refused("[[phase]]\nwarmup = { length = 1e9, per = 'batch' }\n",
                  "length of warmup must be a whole number");
    check_refused("[transforms]\nnormalize = { mean = [0, 0, nan], std = [1, 1, 1] }\n",
                  "mean of normalize must be a number");
    check_refused("[transforms]\nnormalize = { mean = [0, 0, 0], std = [1, 1, 1e-320] }\n",
                  "std of normalize must be a number");
    check_refused("seed = 1\nseed = 2\n", "r.toml:2: ");
    check_refused("[data]\npath = \"a\\u0000b\"\n", "r.toml:2: path of data holds a character of code 0");
}

TEST_CASE("recipes: weights of classes that are none") {
    for (const std::string key : {"class_weights", "sampler"}) {
        const std::string alike = key == "sampler" ? "shuffle" : "none";
        const auto refused = [&](const std::string& value, const std::string& sentence) {
            check_refused("[training]\n" + key + " = " + value + "\n", "r.toml:2: " + sentence);
        };
        for (const std::string value : {"\"effective\"", "\"\"", "1", "[1, 2]", "true", "nan"})
            refused(value,
                    key + " of training must be \"" + alike +
                        "\", \"balanced\", or a table with the weight of each class, such as { cat = 1, "
                        "lynx = 20 }");
        for (const std::string weight :
             {"-1", "-1e-300", "nan", "inf", "-inf", "'1'", "[1]", "\"balanced\"", "{}"})
            refused("{ cat = 1, 'd og' = " + weight + " }", "d og of " + key + " must be a number from 0");
        for (const std::string table : {"{}", "{ cat = 0 }", "{ cat = 0.0, dog = -0.0 }"})
            refused(table, key + " of training has no class with a weight above 0");
        CHECK(complaint("[training]\n" + key + " = \"" + alike + "\"\n") == "");
        CHECK(complaint("", {"training." + key + "=balanced"}) == "");
        CHECK(complaint("", {"training." + key + "={ cat = 1, \"a.b\" = 2 }"}) == "");
        CHECK(complaint("", {"training." + key + ".cat=1"}) == "");
    }
    const std::string both = "class_weights = \"balanced\"\nsampler = \"balanced\"\n";
    check_refused("[training]\n" + both,
                  "r.toml:3: class_weights and sampler of training are both \"balanced\", which makes up for "
                  "unequal classes twice: leave one of them out");
    CHECK(complaint("[training]\nclass_weights = \"balanced\"\nsampler = { a = 1 }\n") == "");
}

TEST_CASE("recipes: weights of classes come back as they are written out, whatever the classes are called") {
    const std::string odd =
        "[training]\nclass_weights = { cat = 1, \"a.b\" = 1e-320, \"sea, \\\"deep\\\"\" = 2.5, \"\" = 0, "
        "\"größer\" = 3, \"7\" = 1e308 }\nsampler = \"shuffle\"\n";
    CHECK(complaint(odd) == "");
    const recipe::Recipe read = recipe::parse_recipe(parse_toml(odd, "odd"), "odd");
    const std::string whole = recipe::to_toml(read);
    const recipe::Recipe again = recipe::parse_recipe(parse_toml(whole, "whole"), "whole");
    CHECK(recipe::to_toml(again) == whole);
    CHECK(again.training.class_weights.weights == read.training.class_weights.weights);
    CHECK(again.training.class_weights.weights.size() == 6);
}

TEST_CASE("recipes: the smallest numbers, and a zero with a sign, come back as they are written out") {
    const std::string odd = "[[phase]]\nweight_decay = 1e-320\nmomentum = -0.0\nlr = 1e-30\n";
    CHECK(complaint(odd) == "");
    const std::string whole = recipe::to_toml(recipe::parse_recipe(parse_toml(odd, "odd"), "odd"));
    CHECK(recipe::to_toml(recipe::parse_recipe(parse_toml(whole, "whole"), "whole")) == whole);
    CHECK(whole.find("momentum = 0.0") != std::string::npos);
}

TEST_CASE("train: a million epochs are planned as quickly as six, and endless rates are refused") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    std::vector<std::string> shown{"--data", folder / "data", "--image-size", "16", "--batch-size",
                                   "2",      "--epochs",      "1000000"};
    std::vector<std::string> trained = shown;
    shown.push_back("--show-schedule");
    trained.insert(trained.end(), {"--max-steps", "1", "--quiet", "--out", folder / "run"});
    const Outcome schedule = run("train", shown);
    CAPTURE(schedule.err);
    CHECK(schedule.code == 0);
    CHECK(schedule.out.find("epochs 1 to 1000000, 60 batches each") != std::string::npos);
    CHECK(run("train", trained).code == 0);
    shown.insert(shown.end(), {"--set", "phase.lr=inf"});
    const Outcome endless = run("train", shown);
    CHECK(endless.code == 2);
    CHECK(endless.err.find("lr of phase must be a number from 1e-30 to 1e+30") != std::string::npos);
}

}  // namespace
}  // namespace vitrine::tests
