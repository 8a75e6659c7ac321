// Every planted defect is caught, and the kernels without one pass the same checks: see README.md.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/mutants/mutants.h"
#include "tools/gradcheck/cases/list.h"

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

/// The suite of the mutant's problems alone; each of its texts must be one problem's.
std::vector<Suite> suite_for(const Mutant& mutant) {
    std::vector<Problem> chosen;
    for (const std::string& text : mutant.problems) {
        const size_t before = chosen.size();
        for (const Problem& problem : problems_of(mutant.op)) {
            if (problem.shape.find(text) != std::string::npos) chosen.push_back(problem);
        }
        CHECK_MESSAGE(chosen.size() == before + 1, mutant.name, ": ", chosen.size() - before,
                      " problems have '", text, "'");
    }
    return {{mutant.op, [chosen] { return chosen; }}};
}

bool holds(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

gradcheck::Selection selection_for(const Mutant& mutant) {
    gradcheck::Selection selection;
    selection.kernel = [&](std::string_view kernel) { return holds(mutant.kernels, kernel); };
    selection.implementation = [&](std::string_view, std::string_view implementation) {
        return mutant.implementations.empty() || holds(mutant.implementations, implementation);
    };
    return selection;
}

/// What is said against a table's kernels. Stops as soon as `enough` is said.
std::string said_against(const Mutant& mutant, const KernelTable& table, const std::string& enough) {
    struct Enough {};
    std::string said;
    const auto collect = [&](const Line& line) {
        if (line.status != Status::failed) return;
        said += gradcheck::to_text(line) + "\n";
        if (!enough.empty() && said.find(enough) != std::string::npos) throw Enough{};
    };
    try {
        gradcheck::check(suite_for(mutant), table, kernels(Device::reference), selection_for(mutant),
                         collect);
    } catch (const Enough&) {
    }
    return said;
}

}  // namespace

TEST_CASE("the kernels without a defect pass what the mutants are tried with") {
    std::set<
        std::tuple<std::string, std::vector<std::string>, std::vector<std::string>, std::vector<std::string>>>
        done;
    for (const Mutant& mutant : mutants()) {
        if (!done.emplace(mutant.op, mutant.kernels, mutant.implementations, mutant.problems).second)
            continue;
        const std::string said = said_against(mutant, kernels(Device::simt), "");
        CHECK_MESSAGE(said.empty(), mutant.name, ": ", said);
    }
}

TEST_CASE("every planted defect is caught, and by what should catch it") {
    for (const Mutant& mutant : mutants()) {
        KernelTable table = kernels(Device::simt);
        mutant.put_into(table);
        const std::string said = said_against(mutant, table, mutant.caught_by);
        const bool caught = said.find(mutant.caught_by) != std::string::npos;
        CHECK_MESSAGE(caught, mutant.name, " (", mutant.what, ") is not caught by '", mutant.caught_by,
                      "'; it is said: ", said.empty() ? "nothing" : said);
    }
}

TEST_CASE("there are many defects, all different") {
    std::set<std::string> names, defects;
    for (const Mutant& mutant : mutants()) {
        names.insert(mutant.name);
        defects.insert(mutant.what);
    }
    CHECK(mutants().size() >= 25);
    CHECK(names.size() == mutants().size());
    CHECK(defects.size() == mutants().size());
}
