// Checks all implementations of an op on one problem: see problem_check.h.

#include "lab/gradcheck/harness/problem_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
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

/// Mean and Σ (value − mean)² of each channel of [rows, channels].
struct Statistics {
    std::vector<double> mean, m2;

    Statistics(const std::vector<double>& values, size_t channels) : mean(channels), m2(channels) {
        const double rows = static_cast<double>(values.size() / channels);
        for (size_t i = 0; i < values.size(); ++i) mean[i % channels] += values[i] / rows;
        for (size_t i = 0; i < values.size(); ++i) {
            const double distance = values[i] - mean[i % channels];
            m2[i % channels] += distance * distance;
        }
    }
};

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
            check(problem_.forward(tested_), dtype, variants_of_forward(dtype), false);
            if (!problem_.backward) continue;
            check(problem_.backward(tested_), dtype, variants_of_backward(dtype),
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

    std::vector<Variant> variants_of_forward(DType dtype) const {
        std::vector<Variant> variants = forward_variants(problem_, dtype, saved_, outputs_);
        if (!is_half(dtype) || problem_.half->statistics_of.empty()) return variants;
        const std::map<std::string, double> sensitivity = sensitivity_of_statistics(dtype);
        for (Variant& variant : variants) variant.sensitivity = sensitivity;
        return variants;
    }

    /// How far mean and m2 move where their tensor is rounded once, and as much for the sum of what is left.
    std::map<std::string, double> sensitivity_of_statistics(DType dtype) const {
        const auto mean = outputs_.find("mean");
        if (mean == outputs_.end()) return {};
        const size_t channels = mean->second.size();
        const std::vector<double>& exact = outputs_.at(problem_.half->statistics_of);
        const Statistics of_exact(exact, channels), of_rounded(rounded_to(dtype, exact), channels);
        return {{"mean", 2 * distance_of(of_exact.mean, of_rounded.mean)},
                {"m2", 2 * distance_of(of_exact.m2, of_rounded.m2)}};
    }

    static double distance_of(std::vector<double> a, const std::vector<double>& b) {
        std::ranges::transform(a, b, a.begin(), std::minus{});
        return root_mean_square(a);
    }

    std::vector<Variant> variants_of_backward(DType dtype) const {
        std::vector<Variant> variants = backward_variants(problem_, dtype, saved_, gradients_);
        if (!is_half(dtype)) return variants;
        const std::map<std::string, double> sensitivity = sensitivity_of_sums(dtype);
        for (Variant& variant : variants) variant.sensitivity = sensitivity;
        return variants;
    }

    /// How far the gradients that are sums move where each of the terms is rounded once more: where what is multiplied, and the
    /// gradients that come in, move by up to half a unit in the last place.
    std::map<std::string, double> sensitivity_of_sums(DType dtype) const {
        Values moved = saved_;
        for (const Tensor& tensor : problem_.tensors) {
            if (tensor.role == Role::parameter) move(moved.at(tensor.name), tensor.name, dtype);
            if (tensor.role == Role::loss) move(moved.at("d_" + tensor.name), "d_" + tensor.name, dtype);
        }
        const Values elsewhere =
            run_first(problem_.backward(oracle_), DType::f64,
                      backward_variants(problem_, DType::f64, moved, gradients_).front());
        std::map<std::string, double> sensitivity;
        for (const Tensor& tensor : problem_.tensors) {
            const std::string name = "d_" + tensor.name;
            if (tensor.role != Role::parameter || is_half(gradient_type(problem_, tensor, dtype))) continue;
            sensitivity[name] = distance_of(gradients_.at(name), elsewhere.at(name));
        }
        return sensitivity;
    }

    static void move(std::vector<double>& values, const std::string& name, DType dtype) {
        const std::vector<double> steps = uniform(name + " rounded", std::ssize(values));
        for (size_t i = 0; i < values.size(); ++i) values[i] *= 1.0 + unit_roundoff(dtype) * steps[i];
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
