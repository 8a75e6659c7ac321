// Checks all implementations of an op on one problem: see problem_check.h.

#include "lab/gradcheck/harness/problem_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "kernels/device_fault.h"
#include "lab/gradcheck/harness/differences.h"
#include "lab/gradcheck/harness/draw.h"
#include "lab/gradcheck/harness/pass_check.h"

namespace vitrine::gradcheck {
namespace {

/// Runs the first implementation that takes the launch: the oracle's way.
Values run_first(const BoundPass& pass, DType dtype, const Variant& variant) {
    Launch launch(pass.device, dtype, variant.slots, variant.placement);
    for (const Callable& implementation : pass.implementations) {
        if (launch.refuses(implementation) != nullptr) continue;
        launch.run(implementation);
        Values values;
        for (const Slot& slot : variant.slots) {
            if (slot.access != Access::read) values[slot.name] = launch.values(slot.name);
        }
        return values;
    }
    throw std::logic_error("the oracle refuses a problem of " + pass.kernel);
}

class ProblemCheck {
  public:
    ProblemCheck(const Problem& problem, const KernelTable& tested, const KernelTable& oracle,
                 const Selection& selection, const DeviceChecks& checks, const KnownFaults& faults,
                 Tally& tally, const Sink& sink)
        : problem_(problem),
          tested_(tested),
          oracle_(oracle),
          selection_(selection),
          checks_(checks),
          faults_(faults),
          tally_(tally),
          sink_(sink) {}

    void run(std::span<const DType> types) {
        for (const DType dtype : types) {
            prepare(dtype);
            check(problem_.forward(tested_), dtype, forward_variants(problem_, dtype, saved_, outputs_),
                  false);
            if (!problem_.backward) continue;
            check(problem_.backward(tested_), dtype, backward_variants(problem_, dtype, saved_, gradients_),
                  dtype == DType::f64 && problem_.differences && checks_.differences());
        }
    }

  private:
    /// The point, rounded to the type, and what the oracle makes of it in double.
    void prepare(DType dtype) {
        saved_.clear();
        for (const Tensor& tensor : problem_.tensors) {
            if (is_written(tensor.role)) continue;
            saved_[tensor.name] = tensor.element == Element::floating
                                      ? rounded_to(type_of(problem_, tensor, dtype), tensor.values)
                                      : tensor.values;
        }
        outputs_ = problem_.expected ? problem_.expected(saved_) : oracle_outputs();
        if (!problem_.backward) return;
        prepare_backward(dtype);
        const Values placeholder = zero_gradients();
        gradients_ = run_first(problem_.backward(oracle_), DType::f64,
                               backward_variants(problem_, DType::f64, saved_, placeholder).front());
    }

    Values oracle_outputs() const {
        Values placeholder;
        for (const Tensor& tensor : problem_.tensors) placeholder[tensor.name];
        return run_first(problem_.forward(oracle_), DType::f64,
                         forward_variants(problem_, DType::f64, saved_, placeholder).front());
    }

    /// Adds what backward reads beside the inputs: the outputs and their upstream gradients, rounded to the
    /// type.
    void prepare_backward(DType dtype) {
        for (const Tensor& tensor : problem_.tensors) {
            const bool floating = tensor.element == Element::floating;
            if (is_written(tensor.role)) {
                saved_[tensor.name] =
                    floating ? rounded_to(type_of(problem_, tensor, dtype), outputs_.at(tensor.name))
                             : outputs_.at(tensor.name);
            }
            if (tensor.role == Role::loss) {
                saved_["d_" + tensor.name] = rounded_to(gradient_type(problem_, tensor, dtype),
                                                        uniform("d_" + tensor.name, tensor.count));
            }
        }
    }

    Values zero_gradients() const {
        Values zeros;
        for (const Tensor& tensor : problem_.tensors) {
            if (tensor.role == Role::parameter) {
                zeros["d_" + tensor.name] = std::vector<double>(static_cast<size_t>(tensor.count));
            }
        }
        return zeros;
    }

    void check(const BoundPass& pass, DType dtype, const std::vector<Variant>& variants,
               bool with_differences) {
        if (!selection_.kernel(pass.kernel)) return;
        if (is_half(dtype) && !pass.takes_half()) return;
        bool all_selected = true;
        std::map<size_t, std::string> first_taker;  // of each variant
        for (const Callable& implementation : pass.implementations) {
            if (!selection_.implementation(pass.kernel, implementation.name)) {
                all_selected = false;
                continue;
            }
            const Line* fault = find_fault(faults_, pass.kernel, implementation.name, name_of(dtype));
            PassResult result = check_pass(pass, implementation, dtype, problem_, variants, checks_, fault);
            tally_[{pass.kernel, implementation.name}] += result.accepted.empty() ? 0 : 1;
            for (const size_t index : result.accepted) first_taker.try_emplace(index, implementation.name);
            if (with_differences && fault == nullptr && result.accepted.contains(0)) add_differences(result);
            sink_(result.line);
        }
        if (all_selected) check_takers(pass, dtype, variants, first_taker);
    }

    void add_differences(PassResult& result) {
        if (!numeric_) compute_numeric();
        if (numeric_->empty()) {
            result.line.fail(
                "no implementation of the forward kernel runs in f64, so there are no differences");
            return;
        }
        const DifferenceError error = worst_difference(*numeric_, result.plain);
        result.line.differences = {error.error, error.tensor, error.worst};
        if (!(error.error <= tolerance::differences)) {
            result.line.fail(fmt::format("relative error {:.1e} against central differences exceeds {:.1e}",
                                         error.error, tolerance::differences));
        }
    }

    /// With the tested table's own forward kernel: the first implementation that takes the problem.
    void compute_numeric() {
        const BoundPass forward = problem_.forward(tested_);
        const Variant plain = forward_variants(problem_, DType::f64, saved_, outputs_).front();
        Launch launch(forward.device, DType::f64, plain.slots, plain.placement);
        numeric_.emplace();
        for (const Callable& implementation : forward.implementations) {
            if (launch.refuses(implementation) != nullptr) continue;
            if (find_fault(faults_, forward.kernel, implementation.name, name_of(DType::f64))) continue;
            try {
                compute_numeric(launch, implementation);
            } catch (const DeviceFault& fault) {
                Line line{forward.kernel, implementation.name, name_of(DType::f64), problem_.shape};
                line.fail(fmt::format("while gradients were differenced: {}", fault.what()));
                throw LostDevice(line);
            }
            return;
        }
    }

    void compute_numeric(Launch& launch, const Callable& implementation) {
        const double work = checks_.watched([&] { launch.run(implementation); });
        checks_.unwatched([&] {
            numeric_ = numeric_gradients(launch, implementation, problem_,
                                         checks_.samples(problem_.samples, work), saved_, saved_);
        });
    }

    /// Every variant must be taken, and by default by an implementation whose bits do not follow the threads.
    void check_takers(const BoundPass& pass, DType dtype, const std::vector<Variant>& variants,
                      const std::map<size_t, std::string>& first_taker) const {
        for (size_t index = 0; index < variants.size(); ++index) {
            const std::string what = variants[index].label.empty() ? "it" : "it " + variants[index].label;
            const auto taker = first_taker.find(index);
            if (taker == first_taker.end()) {
                report_gap(pass, dtype, fmt::format("no implementation takes {}", what));
            } else if (std::ranges::find(bits_follow_threads, taker->second) !=
                       std::end(bits_follow_threads)) {
                report_gap(pass, dtype,
                           fmt::format("{} takes {} first, whose bits follow the number of threads",
                                       taker->second, what));
            }
        }
    }

    void report_gap(const BoundPass& pass, DType dtype, std::string sentence) const {
        Line line{pass.kernel, "", name_of(dtype), problem_.shape};
        line.fail(std::move(sentence));
        sink_(line);
    }

    const Problem& problem_;
    const KernelTable& tested_;
    const KernelTable& oracle_;
    const Selection& selection_;
    const DeviceChecks& checks_;
    const KnownFaults& faults_;
    Tally& tally_;
    const Sink& sink_;
    Values saved_;      // inputs, outputs and upstream gradients, rounded to the type
    Values outputs_;    // of forward, in double
    Values gradients_;  // of backward, in double
    std::optional<std::vector<NumericGradient>> numeric_;
};

}  // namespace

void check_problem(const Problem& problem, std::span<const DType> types, const KernelTable& tested,
                   const KernelTable& oracle, const Selection& selection, const DeviceChecks& checks,
                   const KnownFaults& faults, Tally& tally, const Sink& sink) {
    ProblemCheck(problem, tested, oracle, selection, checks, faults, tally, sink).run(types);
}

}  // namespace vitrine::gradcheck
