// Every planted defect is caught, and the kernels without one pass the same checks: see README.md.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/replaced_kernels.h"
#include "lab/gradcheck/cases/list.h"
#include "tests/models/graphed_course.h"
#include "tests/mutants/mutants.h"
#include "tests/mutants/planting.h"

using namespace vitrine;
using gradcheck::Line;
using gradcheck::Problem;
using gradcheck::Status;
using gradcheck::Suite;

namespace {

const std::vector<Problem>& problems_of(const std::string& op) {
    static std::map<std::string, std::vector<Problem>> made;
    if (const auto found = made.find(op); found != made.end()) return found->second;
    for (const Suite& suite : gradcheck::all_suites()) {
        if (suite.op == op) return made[op] = suite.problems();
    }
    throw std::logic_error("no op " + op);
}

/// One that is a problem once more with norms behind it (lab/gradcheck/cases/norms_behind.h): mutants give its whole text.
bool has_norms_behind(const Problem& problem) { return problem.shape.find(", then ") != std::string::npos; }

/// The problem with this text, or the one that begins with it.
std::vector<Problem> problems_like(const std::string& op, const std::string& text) {
    std::vector<Problem> beginning;
    for (const Problem& problem : problems_of(op)) {
        if (problem.shape == text) return {problem};
        if (problem.shape.starts_with(text) && !has_norms_behind(problem)) beginning.push_back(problem);
    }
    return beginning;
}

std::vector<Suite> suite_for(const Mutant& mutant) {
    std::vector<Problem> chosen;
    for (const std::string& text : mutant.problems) {
        const std::vector<Problem> found = problems_like(mutant.op, text);
        CHECK_MESSAGE(found.size() == 1, mutant.name, ": ", found.size(), " problems begin with '", text,
                      "'");
        chosen.insert(chosen.end(), found.begin(), found.end());
    }
    return {{mutant.op, [chosen] { return chosen; }}};
}

bool holds(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

gradcheck::Selection selection_for(const Mutant& mutant) {
    gradcheck::Selection selection;
    // In processes of their own: the libraries' handles and plans are made once and kept, with the defect
    // that was there then.
    selection.processes = 2;
    selection.kernel = [&](std::string_view kernel) { return holds(mutant.kernels, kernel); };
    selection.implementation = [&](std::string_view, std::string_view implementation) {
        return holds(mutant.implementations, implementation);
    };
    return selection;
}

/// A library that a kernel asks wrongly refuses, and is then not run at all.
bool refused_by_library(const Line& line) {
    return line.status == Status::refused && (line.refusal.starts_with("cuDNN does not take") ||
                                              line.refusal.starts_with("cuDNN has no algorithm"));
}

/// What is said against the kernels of the mutant's group. Stops as soon as `enough` is said.
std::string said_against(const Mutant& mutant, const std::string& enough) {
    struct Enough {};
    KernelTable table = kernels(Device::simt);
    mutant.put_into(table);
    std::string said;
    bool checked = false;
    const auto collect = [&](const Line& line) {
        checked = checked || line.status != Status::refused;
        if (line.status != Status::failed && !refused_by_library(line)) return;
        said += gradcheck::to_text(line) + "\n";
        if (!enough.empty() && said.find(enough) != std::string::npos) throw Enough{};
    };
    try {
        gradcheck::check(suite_for(mutant), table, kernels(Device::reference), selection_for(mutant),
                         collect);
    } catch (const Enough&) {
    }
    return checked ? said : said + "every implementation refuses every problem";
}

/// Mutants that only a graph shows: in place of the arguments of the step that was recorded, kernels read the device's
/// memory (kernels/step_settings.h).
bool is_of_graphs(const Mutant& mutant) { return mutant.op == "step_graph"; }

/// What 50 steps say that run as graphs with the mutant's kernels.
std::string said_of_graphs(const Mutant& mutant) {
    const tests::Course course{.class_weights = {1, 2, 0.5, 1, 1, 3, 1}};
    static const tests::CourseResult plain = tests::take_course(course, false);
    KernelTable table = kernels(Device::simt);
    mutant.put_into(table);
    const ReplacedKernels replaced(Device::simt, table);
    const tests::CourseResult graphed = tests::take_course(course, true);
    if (!graphed.problem.empty()) return graphed.problem;
    return graphed.same_as(plain) ? "" : "a step that runs as a graph has other bits";
}

}  // namespace

bool vitrine::planted(int number) { return number == planted_number; }

TEST_CASE("the kernels without a defect pass what the mutants are tried with") {
    using Strings = std::vector<std::string>;
    std::set<std::tuple<std::string, std::string, Strings, Strings, Strings>> done;
    for (const Mutant& mutant : mutants()) {
        if (is_of_graphs(mutant)) continue;
        if (!done.emplace(mutant.group, mutant.op, mutant.kernels, mutant.implementations, mutant.problems)
                 .second)
            continue;
        const std::string said = said_against(mutant, "");
        CHECK_MESSAGE(said.empty(), mutant.name, ": ", said);
    }
}

TEST_CASE("every planted defect is caught, and by what should catch it") {
    for (const Mutant& mutant : mutants()) {
        if (is_of_graphs(mutant)) continue;
        const Planted defect(mutant.number);
        const std::string said = said_against(mutant, mutant.caught_by);
        const bool caught = said.find(mutant.caught_by) != std::string::npos;
        CHECK_MESSAGE(caught, mutant.name, " (", mutant.what, ") is not caught by '", mutant.caught_by,
                      "'; it is said: ", said.empty() ? "nothing" : said.substr(0, 600));
    }
}

TEST_CASE("a number of the host's that a graph has baked in is caught by 50 steps") {
    int graphs = 0;
    for (const Mutant& mutant : mutants()) {
        if (!is_of_graphs(mutant)) continue;
        ++graphs;
        CHECK_MESSAGE(said_of_graphs(mutant) == "", mutant.name, " without its defect");
        const Planted defect(mutant.number);
        const std::string said = said_of_graphs(mutant);
        CHECK_MESSAGE(said.find(mutant.caught_by) != std::string::npos, mutant.name, " (", mutant.what,
                      ") is not caught; it is said: ", said.empty() ? "nothing" : said);
    }
    CHECK(graphs == 8);
}

TEST_CASE("there are many defects, all different") {
    std::set<std::string> defects;
    for (const Mutant& mutant : mutants()) defects.insert(mutant.what);
    CHECK(mutants().size() >= 100);
    CHECK(defects.size() == mutants().size());
}
