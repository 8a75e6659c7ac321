// Checks the kernels of a table: see check.h.

#include "lab/gradcheck/harness/check.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>

#include "kernels/cpu/amx.h"
#include "kernels/cuda/vendor/available.h"
#include "kernels/device_fault.h"
#include "lab/gradcheck/harness/fixed_threads.h"
#include "lab/gradcheck/harness/outcome.h"
#include "lab/gradcheck/harness/problem_check.h"
#include "lab/gradcheck/harness/processes.h"

namespace vitrine::gradcheck {
namespace {

/// Every kernel's name and implementations, as kernels.def and the table have them.
template <class Visit>
void for_each_kernel_of(const KernelTable& table, Visit visit) {
#define KERNEL(name, Args) visit(*table.name.kernel);
#include "kernels/kernels.def"
#undef KERNEL
}

Line failure(std::string kernel, std::string implementation, std::string sentence) {
    Line line{std::move(kernel), std::move(implementation), "", ""};
    line.fail(std::move(sentence));
    return line;
}

/// A library that this machine lacks, or that cannot start here, is no failure of Vitrine's, nor are instructions that its processor
/// lacks.
bool may_be_missing(const std::string& implementation) {
    return is_gpu_library(implementation) ||
           (cpu::amx::is_implementation(implementation) && cpu::amx::refusal() != nullptr);
}

Line refusal_of_everything(const std::string& kernel, const std::string& implementation) {
    if (!may_be_missing(implementation)) return failure(kernel, implementation, "refuses every case");
    return {kernel, implementation, "", "", Status::refused, "every case"};
}

class TableCheck {
  public:
    TableCheck(const std::vector<Suite>& suites, const KernelTable& tested, const KernelTable& oracle,
               const Selection& selection, const Sink& sink)
        : tested_(tested),
          oracle_(oracle),
          selection_(selection),
          sink_(sink),
          checks_(device_checks(tested.add_forward.device, selection.effort)) {
        for (const Suite& suite : suites) {
            for (Problem& problem : suite.problems()) add(suite, std::move(problem));
        }
    }

    Totals run() {
        selection_.processes > 0 ? run_problems_in_processes() : run_problems();
        for_each_kernel_of(tested_, [&](const auto& kernel) {
            if (selection_.kernel(kernel.name()) && !covered_.contains(kernel.name())) {
                tell(failure(kernel.name(), "", "no case"));
            }
        });
        for (const auto& [name, accepted] : tally_) {
            if (accepted == 0 && !shapes_left_out_) tell(refusal_of_everything(name.first, name.second));
        }
        return totals_;
    }

  private:
    void add(const Suite& suite, Problem problem) {
        if (!problem.forward) throw std::logic_error("a problem of " + suite.op + " has no forward kernel");
        const std::string forward = problem.forward(tested_).kernel;
        covered_.insert(forward);
        if (problem.backward) covered_.insert(problem.backward(tested_).kernel);
        if (!selection_.shape(problem.shape)) {
            shapes_left_out_ = true;
            return;
        }
        problems_.push_back(std::move(problem));
    }

    void run_problems() {
        for (const Problem& problem : problems_) {
            try {
                check_here(problem, {}, tally_, [&](const Line& line) { tell(line); });
            } catch (const LostDevice& lost) {
                tell(lost.line);
                throw DeviceFault("the device has failed, and nothing more can be checked in this process: " +
                                  std::string(lost.what()));
            }
        }
    }

    void run_problems_in_processes() {
        const ProcessTasks tasks{
            problems_.size(),
            [&](size_t index) {
                Outcome outcome;
                try {
                    check_here(problems_[index], faults_[index], outcome.tally,
                               [&](const Line& line) { outcome.lines.push_back(line); });
                } catch (const LostDevice& lost) {
                    throw SpentProcess{to_bytes({{lost.line}, {}})};
                }
                return to_bytes(outcome);
            },
            [&](size_t, const Message& message) { take(outcome_from_bytes(message)); },
            [&](size_t index, const std::string& why) {
                Line line{problems_[index].forward(tested_).kernel, "", "", problems_[index].shape};
                line.fail(why + " while it checked this problem");
                return to_bytes({{line}, {}});
            },
            [&](size_t index, const Message& message) {
                remember(faults_[index], outcome_from_bytes(message).lines.front());
            }};
        run_in_processes(tasks, selection_.processes);
    }

    /// The next process checks the problem without the pass that ended this one.
    static void remember(KnownFaults& faults, const Line& fault) {
        if (find_fault(faults, fault.kernel, fault.implementation, fault.type) != nullptr) {
            throw DeviceFault("the device fails although nothing is run that made it fail before: " +
                              to_text(fault));
        }
        faults.push_back(fault);
    }

    void check_here(const Problem& problem, const KnownFaults& faults, Tally& tally, const Sink& sink) {
        static_cast<void>(kernels(tested_.add_forward.device));  // throws where it cannot be used
        check_problem(problem, types_of(problem), tested_, oracle_, selection_, *checks_, faults, tally,
                      sink);
    }

    /// f64 and f32, then bf16 and f16: these two in turn from problem to problem, or both where the effort is thorough.
    std::vector<DType> types_of(const Problem& problem) const {
        std::vector<DType> types{DType::f64, DType::f32};
        if (!problem.half) return types;
        const bool both = selection_.effort == Effort::thorough;
        const bool even = (&problem - problems_.data()) % 2 == 0;
        if (both || even) types.push_back(DType::bf16);
        if (both || !even) types.push_back(DType::f16);
        return types;
    }

    void take(const Outcome& outcome) {
        for (const Line& line : outcome.lines) tell(line);
        for (const auto& [name, accepted] : outcome.tally) tally_[name] += accepted;
    }

    void tell(const Line& line) {
        totals_.passed += line.status == Status::passed;
        totals_.failed += line.status == Status::failed;
        sink_(line);
    }

    const KernelTable& tested_;
    const KernelTable& oracle_;
    const Selection& selection_;
    const Sink& sink_;
    std::unique_ptr<DeviceChecks> checks_;
    std::vector<Problem> problems_;
    std::map<size_t, KnownFaults> faults_;  // of problems by number
    std::set<std::string> covered_;         // kernels that have a problem
    bool shapes_left_out_ = false;
    Tally tally_;
    Totals totals_;
};

}  // namespace

Totals check(const std::vector<Suite>& suites, const KernelTable& tested, const KernelTable& oracle,
             const Selection& selection, const Sink& sink) {
    // Thousands of tiny launches: waking other threads for each takes longer than the work. Every kernel is
    // run with more threads where that is what is checked.
    const FixedThreads single(1);
    return TableCheck(suites, tested, oracle, selection, sink).run();
}

}  // namespace vitrine::gradcheck
