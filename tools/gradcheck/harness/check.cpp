// Checks the kernels of a table: see check.h.

#include "tools/gradcheck/harness/check.h"

#include <set>

#include "tools/gradcheck/harness/fixed_threads.h"
#include "tools/gradcheck/harness/problem_check.h"

namespace vitrine::gradcheck {
namespace {

/// Every kernel's name and implementations, as kernels.def and the table have them.
template <class Visit>
void for_each_kernel_of(const KernelTable& table, Visit visit) {
#define KERNEL(name, Args) visit(*table.name.kernel);
#include "kernels/kernels.def"
#undef KERNEL
}

std::set<std::string> kernels_of(const Suite& suite, const std::vector<Problem>& problems,
                                 const KernelTable& table) {
    std::set<std::string> names;
    for (const Problem& problem : problems) {
        if (!problem.forward) throw std::logic_error("a problem of " + suite.op + " has no forward kernel");
        names.insert(problem.forward(table).kernel);
        if (problem.backward) names.insert(problem.backward(table).kernel);
    }
    return names;
}

Line failure(std::string kernel, std::string implementation, std::string sentence) {
    Line line{std::move(kernel), std::move(implementation), "", ""};
    line.fail(std::move(sentence));
    return line;
}

}  // namespace

Totals check(const std::vector<Suite>& suites, const KernelTable& tested, const KernelTable& oracle,
             const Selection& selection, const Sink& sink) {
    // Thousands of tiny launches: waking other threads for each takes longer than the work. Every kernel is
    // run with more threads where that is what is checked.
    const FixedThreads single(1);
    Totals totals;
    const Sink counting = [&](const Line& line) {
        totals.passed += line.status == Status::passed;
        totals.failed += line.status == Status::failed;
        sink(line);
    };
    const std::unique_ptr<DeviceChecks> checks = device_checks(tested.add_forward.device, selection.effort);
    std::set<std::string> covered;
    Tally tally;
    for (const Suite& suite : suites) {
        const std::vector<Problem> problems = suite.problems();
        covered.merge(kernels_of(suite, problems, tested));
        for (const Problem& problem : problems)
            check_problem(problem, tested, oracle, selection, *checks, tally, counting);
    }
    for_each_kernel_of(tested, [&](const auto& kernel) {
        if (selection.kernel(kernel.name()) && !covered.contains(kernel.name())) {
            counting(failure(kernel.name(), "", "no case"));
        }
    });
    for (const auto& [name, accepted] : tally) {
        if (accepted == 0) counting(failure(name.first, name.second, "refuses every case"));
    }
    return totals;
}

}  // namespace vitrine::gradcheck
