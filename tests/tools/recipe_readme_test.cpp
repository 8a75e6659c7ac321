// What tools/recipe/README.md shows: the plot of its example, and the keys of every kind of scheduler.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "engine/error.h"
#include "tests/folders.h"
#include "tests/tools/program.h"
#include "tools/recipe/parse_scheduler.h"
#include "tools/recipe/schedule_plot.h"
#include "tools/recipe/scheduler_fields.h"

namespace vitrine::tools {
namespace {

std::string readme() { return tests::content_of(tests::repository() / "tools/recipe/README.md"); }

/// With four spaces before each line that is not empty, as Markdown wants it.
std::string indented(const std::string& text) {
    std::istringstream lines(text);
    std::string all;
    for (std::string line; std::getline(lines, line);) all += (line.empty() ? "" : "    " + line) + "\n";
    return all;
}

/// What `parse` (parse_scheduler, parse_warmup, parse_hold) says of a table.
template <class Parse>
std::string complaint(Parse parse, const std::string& table) {
    try {
        parse(*toml::parse("t = { " + table + " }")["t"].as_table(), "table");
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

/// The names that a list holds.
std::set<std::string> names_in(const std::string& list, const std::string& form) {
    std::set<std::string> names;
    const std::regex name(form);
    for (std::sregex_iterator each(list.begin(), list.end(), name), end; each != end; ++each)
        names.insert((*each)[1]);
    return names;
}

std::set<std::string> known_to(const std::string& sentence) {
    const size_t at = sentence.find("it knows ");
    REQUIRE_MESSAGE(at != std::string::npos, sentence);
    std::set<std::string> names = names_in(sentence.substr(at + 9), "([a-z_]+)");
    for (const char* common : {"kind", "per", "mode"}) names.erase(common);
    return names;
}

/// The keys in a row of the table of schedulers.
std::set<std::string> listed_for(const std::string& kind) {
    const std::string text = readme();
    const size_t begin = text.find("| " + kind + " |");
    REQUIRE_MESSAGE(begin != std::string::npos, kind);
    const std::string row =
        text.substr(begin + kind.size() + 3, text.find('\n', begin) - begin - kind.size() - 3);
    std::set<std::string> names = names_in(row, "`([a-z_]+)`");
    for (const char* common : {"per", "lr", "mode"}) names.erase(common);
    return names;
}

TEST_CASE("the plot in the README of recipes is what --show-schedule prints of its example") {
    const auto table = toml::parse(
        "s = { kind = \"cyclic\", base_lr = 0.01, max_lr = 0.1, step_size_up = 5, mode = \"triangular2\", "
        "per = \"batch\" }");
    const optim::SchedulerSpec spec = parse_scheduler(*table["s"].as_table(), "example");
    const std::string plot = plot_schedule({plan_phase("baseline", spec, {0.1, 0.9}, 782, 15)});
    const std::string curve = plot.substr(0, plot.find("        momentum\n"));
    const std::string warning = plot.substr(plot.rfind(" warning:"));
    CAPTURE(plot);
    CHECK(readme().find(indented(curve)) != std::string::npos);
    CHECK(readme().find(indented(warning)) != std::string::npos);
}

TEST_CASE("the README of recipes lists every kind of scheduler with every key") {
    for (const std::string_view kind : kind_names) {
        const std::string name(kind);
        CAPTURE(name);
        // What has to be there so that it is read to the end.
        static const std::string needed[]{"step_size = 1",           "milestones = [1]", "gamma = 1",
                                          "base_lr = 0, max_lr = 1", "first_period = 1", "max_lr = 1"};
        std::string sentence;
        for (const std::string& more : needed) {
            sentence = complaint(parse_scheduler,
                                 fmt::format("kind = \"{}\", per = \"epoch\", zzz = 1, {}", name, more));
            if (sentence.find("has no 'zzz'") != std::string::npos) break;
        }
        CHECK(known_to(sentence) == listed_for("`" + name + "`"));
    }
    CHECK(known_to(complaint(parse_warmup, "length = 1, per = \"epoch\", zzz = 1")) ==
          listed_for("the warm-up"));
    CHECK(known_to(complaint(parse_hold, "length = 1, per = \"epoch\", zzz = 1")) == listed_for("the hold"));
}

}  // namespace
}  // namespace vitrine::tools
