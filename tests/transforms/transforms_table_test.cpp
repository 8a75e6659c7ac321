// The tables of data/transforms/README.md: every op, every parameter, what is allowed and every default, held
// against the parser.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "data/transforms/pipeline.h"
#include "engine/error.h"
#include "tests/folders.h"

namespace vitrine {
namespace {

struct Parameter {
    std::string name, allowed, fallback;  // as the table says it
};

/// An op, or a key of [transforms], with its parameters.
using Table = std::map<std::string, std::vector<Parameter>>;

std::string trimmed(const std::string& text) {
    const size_t first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
    return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells;
    for (size_t begin = 1; begin < line.size();) {
        const size_t end = line.find('|', begin);
        cells.push_back(trimmed(line.substr(begin, end - begin)));
        begin = end + 1;
    }
    return cells;
}

std::string unquoted(const std::string& cell) {
    return cell.size() > 1 && cell.front() == '`' ? cell.substr(1, cell.size() - 2) : cell;
}

/// The table below this heading.
Table table_below(const std::string& heading) {
    std::ifstream file(tests::repository() / "data/transforms/README.md");
    Table table;
    std::string line, name;
    while (std::getline(file, line) && line != heading) {
    }
    while (std::getline(file, line) && !line.starts_with("## ")) {
        if (!line.starts_with("| ") || line.find("what is allowed") != std::string::npos) continue;
        const std::vector<std::string> cells = cells_of(line);
        REQUIRE_MESSAGE(cells.size() == 5, line);
        CHECK_MESSAGE(!cells[4].empty(), "what does this do? ", line);
        if (!cells[0].empty()) name = unquoted(cells[0]);
        if (!cells[0].empty()) table[name];
        if (!cells[2].empty() || !cells[1].empty())
            table[name].push_back({unquoted(cells[1]), cells[2], cells[3]});
    }
    return table;
}

Table ops() { return table_below("## The ops of `augment`"); }
Table other_keys() { return table_below("## The rest of the table"); }

std::string complaint(const std::string& transforms) {
    try {
        parse_transforms("[transforms]\n" + transforms + "\n", "table");
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

/// What an op or key needs to be read at all, but for one parameter: ", size = 8".
std::string required_of(const std::vector<Parameter>& parameters, const std::string& left_out) {
    static const std::map<std::string, std::string> values{
        {"degrees", "10"},    {"size", "8"},
        {"bits", "3"},        {"threshold", "9"},
        {"factor", "2"},      {"mean", "[0, 0, 0]"},
        {"std", "[1, 1, 1]"}, {"of", "[ { op = \"resize\", size = 8 }, { op = \"rand_augment\" } ]"}};
    std::string text;
    for (const Parameter& parameter : parameters) {
        if (parameter.fallback == "required" && parameter.name != left_out)
            text += fmt::format(", {} = {}", parameter.name, values.at(parameter.name));
    }
    return text;
}

/// A pipeline of one op: with `more`, such as "p = 0.5", beside what it needs.
std::string pipeline(const std::string& op, const std::string& key, const std::string& more) {
    static const Table table = ops();
    const auto found = table.find(op);
    return fmt::format("augment = [ {{ op = \"{}\"{}{}{} }} ]", op,
                       found == table.end() ? "" : required_of(found->second, key), more.empty() ? "" : ", ",
                       more);
}

/// The same of a key of [transforms] that is a table.
std::string setting(const std::string& table, const std::string& key, const std::string& more) {
    static const Table keys = other_keys();
    std::string inside = required_of(keys.at(table), key) + (more.empty() ? "" : ", " + more);
    if (!inside.empty()) inside = inside.substr(1);
    return fmt::format("{} = {{{} }}", table, inside);
}

/// All that can be seen of a pipeline: its description, and what it draws for some images.
std::string seen_of(const std::string& transforms) {
    const Transforms parsed = parse_transforms("[transforms]\n" + transforms + "\n", "table");
    std::string text = parsed.train.describe() + " / " + parsed.evaluation.describe();
    for (uint32_t sample = 0; sample < 50; ++sample) {
        Program program{.width = 64, .height = 48};
        parsed.train.draw(1, 0, sample, program);
        for (const augment::Step& step : program.steps) {
            text += fmt::format(" {} {}×{} {} {} {}", static_cast<int>(step.op), step.out_width,
                                step.out_height, fmt::join(step.fill, " "), fmt::join(step.integers, " "),
                                fmt::join(step.reals, " "));
        }
    }
    return text;
}

using Writer = std::string (*)(const std::string&, const std::string&, const std::string&);

/// "a number from 0 to 1" allows 0 and 1, and nothing just outside.
void check_ends(const std::string& name, const Parameter& parameter, Writer write) {
    static const std::regex ends(R"(^a (whole )?number from (\S+?)( to (\S+))?(,.*)?$)");
    std::smatch match;
    if (!std::regex_match(parameter.allowed, match, ends)) return;
    const auto taken = [&](const std::string& value) {
        return complaint(write(name, parameter.name, fmt::format("{} = {}", parameter.name, value))).empty();
    };
    const bool whole = match[1].matched;
    const auto beside = [&](const std::string& end, double step) {
        const double value = std::stod(end);
        return whole ? fmt::format("{}", static_cast<int64_t>(value + step))
                     : fmt::format("{:.17g}", value + step * std::max(1e-9, 1e-9 * std::abs(value)));
    };
    CHECK(taken(match[2]));
    CHECK_FALSE(taken(beside(match[2], -1.0)));
    if (!match[4].matched) return;
    CHECK(taken(match[4]));
    CHECK_FALSE(taken(beside(match[4], 1.0)));
}

void check_parameter(const std::string& name, const Parameter& parameter, Writer write) {
    CAPTURE(name);
    CAPTURE(parameter.name);
    // What is allowed is what is said of a value that is not.
    const std::string refused = complaint(write(name, parameter.name, parameter.name + " = 1979-05-27"));
    const std::string expected = fmt::format("{} of {} must be {}", parameter.name,
                                             name == "noise"     ? "poisson_noise"
                                             : name == "erasing" ? "random_erasing"
                                                                 : name,
                                             parameter.allowed);
    CHECK_MESSAGE(refused.find(expected) != std::string::npos, refused, " and not: ", expected);
    check_ends(name, parameter, write);
    if (parameter.fallback == "required") {
        CHECK(complaint(write(name, parameter.name, "")).find(" needs " + parameter.name) !=
              std::string::npos);
        return;
    }
    CHECK(complaint(write(name, parameter.name, "")).empty());
    if (parameter.fallback == "none") return;
    const std::string value = fmt::format("{} = {}", parameter.name, unquoted(parameter.fallback));
    CHECK(seen_of(write(name, parameter.name, value)) == seen_of(write(name, parameter.name, "")));
}

/// The names after "it knows" or "there are".
std::set<std::string> names_after(const std::string& sentence, const std::string& words) {
    std::set<std::string> names;
    const size_t at = sentence.find(words);
    REQUIRE_MESSAGE(at != std::string::npos, sentence);
    static const std::regex name(R"([a-z_]+)");
    const std::string list = sentence.substr(at + words.size());
    for (std::sregex_iterator each(list.begin(), list.end(), name), end; each != end; ++each)
        names.insert(each->str());
    return names;
}

std::set<std::string> names_of(const Table& table) {
    std::set<std::string> names;
    for (const auto& [name, parameters] : table) names.insert(name);
    return names;
}

std::set<std::string> names_of(const std::vector<Parameter>& parameters) {
    std::set<std::string> names;
    for (const Parameter& parameter : parameters) names.insert(parameter.name);
    names.erase("");
    return names;
}

TEST_CASE("the table of ops has every op that is read, with every parameter, and no other") {
    const Table table = ops();
    CHECK(names_of(table) == names_after(complaint("augment = [ { op = \"?\" } ]"), "there are "));
    for (const auto& [op, parameters] : table) {
        CAPTURE(op);
        std::set<std::string> known = names_after(complaint(pipeline(op, "", "zzz = 1")), "it knows ");
        known.erase("op");
        CHECK(names_of(parameters) == known);
    }
}

TEST_CASE("the table of ops says what is allowed, and the defaults") {
    for (const auto& [op, parameters] : ops()) {
        for (const Parameter& parameter : parameters) check_parameter(op, parameter, pipeline);
    }
}

TEST_CASE("the table of the other keys has all of them, says what is allowed, and the defaults") {
    const Table table = other_keys();
    std::set<std::string> known = names_after(complaint("zzz = 1"), "it knows ");
    known.erase("augment");
    CHECK(names_of(table) == known);
    for (const auto& [key, parameters] : table) {
        CAPTURE(key);
        if (key == "resize") {
            CHECK(complaint("resize = true").find("resize of transforms must be " + parameters[0].allowed) !=
                  std::string::npos);
            continue;
        }
        std::set<std::string> inside = names_after(complaint(setting(key, "", "zzz = 1")), "it knows ");
        inside.erase("op");
        CHECK(names_of(parameters) == inside);
        for (const Parameter& parameter : parameters) {
            if (!parameter.allowed.empty()) check_parameter(key, parameter, setting);
        }
    }
}

}  // namespace
}  // namespace vitrine
