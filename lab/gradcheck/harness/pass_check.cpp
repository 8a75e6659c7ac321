// Checks one implementation over all variants: see pass_check.h.

#include "lab/gradcheck/harness/pass_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/device_fault.h"
#include "lab/gradcheck/harness/check.h"
#include "lab/gradcheck/harness/lost_device.h"

namespace vitrine::gradcheck {
namespace {

struct Limits {
    double mean_square;
    double largest;
};

Limits limits_of(DType dtype) {
    if (dtype == DType::f64) return {tolerance::mean_square_f64, tolerance::largest_f64};
    if (dtype == DType::f32) return {tolerance::mean_square_f32, tolerance::largest_f32};
    return {0, 0};  // integers are right or wrong
}

class PassCheck {
  public:
    PassCheck(const BoundPass& pass, const Callable& implementation, DType dtype, const Problem& problem,
              const DeviceChecks& checks, const Line* known_fault)
        : pass_(pass),
          implementation_(implementation),
          dtype_(dtype),
          problem_(problem),
          checks_(checks),
          known_fault_(known_fault) {
        result_.line.kernel = pass.kernel;
        result_.line.implementation = implementation.name;
        result_.line.type = name_of(dtype);
        result_.line.shape = problem.shape;
    }

    PassResult run(const std::vector<Variant>& variants) {
        for (size_t index = 0; index < variants.size(); ++index) {
            try {
                check_variant(variants[index], index);
            } catch (const DeviceFault& fault) {
                fail(variants[index], fault.what());
                throw LostDevice(result_.line);
            }
        }
        if (known_fault_ != nullptr) result_.line = *known_fault_;
        Line& line = result_.line;
        if (result_.accepted.empty() && line.status == Status::passed) {
            line.status = Status::refused;
            line.refusal = refusal_;
        }
        return std::move(result_);
    }

  private:
    void check_variant(const Variant& variant, size_t index) {
        const bool bare = index == 0 && checks_.reports_bounds();
        Launch launch(pass_.device, dtype_, variant.slots, bare ? Placement::bare : variant.placement);
        if (!takes(launch, variant)) return;
        result_.accepted.insert(index);
        if (known_fault_ != nullptr) return;
        run(launch);
        for (const std::string& violation : launch.violations()) fail(variant, violation);
        compare(launch, variant, index);
        // One variant that writes and one that accumulates, or that lies elsewhere: the others take the same
        // loops.
        if (index < 2) check_repetitions(launch, variant);
    }

    bool takes(const Launch& launch, const Variant& variant) {
        try {
            const char* const reason = launch.refuses(implementation_);
            if (reason != nullptr && refusal_.empty()) refusal_ = reason;
            return reason == nullptr;
        } catch (const std::exception& error) {
            fail(variant, fmt::format("its refusal threw: {}", error.what()));
            return false;
        }
    }

    /// The first launch is always watched, and tells how much work one is.
    void run(Launch& launch) {
        const Run once = [&] { launch.run(implementation_); };
        if (!work_ || checks_.watches(*work_)) {
            const double work = checks_.watched(once);
            if (!work_) work_ = work;
        } else {
            checks_.unwatched(once);
        }
    }

    void compare(const Launch& launch, const Variant& variant, size_t index) {
        for (const Slot& slot : variant.slots) {
            if (slot.access == Access::read) continue;
            std::vector<double> values = launch.values(slot.name);
            compare_tensor(slot, values, variant);
            if (index == 0) result_.plain[slot.name] = std::move(values);
        }
    }

    Limits limits_for(DType dtype) const {
        Limits limits = limits_of(dtype);
        for (const Looser& looser : problem_.looser) {
            if (dtype == DType::f32 && looser.implementation == implementation_.name) {
                limits.mean_square = looser.mean_square;
            }
        }
        return limits;
    }

    void check_limits(const Slot& slot, const Distance& d, std::span<const double> values,
                      const Variant& variant) {
        const std::string element = fmt::format("{}[{}] is {:.9g}, the reference has {:.9g}", slot.name,
                                                d.worst.index, d.worst.actual, d.worst.expected);
        if (is_half(dtype_) && is_floating(slot.dtype)) {
            const Roundings off = roundings(values, variant.expected.at(slot.name), dtype_);
            if (!(off.largest <= tolerance::largest_roundings) || !(off.mean <= tolerance::mean_roundings))
                fail(variant, fmt::format("off by {:.2g} roundings of {}, {:.2g} in root mean square: {}",
                                          off.largest, name_of(dtype_), off.mean, element));
            return;
        }
        const Limits limits = limits_for(slot.dtype);
        if (!(d.mean_square <= limits.mean_square)) {
            fail(variant, fmt::format("mean-square error {:.1e} exceeds {:.1e}: {}", d.mean_square,
                                      limits.mean_square, element));
        } else if (!(d.largest <= limits.largest)) {
            fail(variant,
                 fmt::format("largest error {:.1e} exceeds {:.1e}: {}", d.largest, limits.largest, element));
        }
    }

    void compare_tensor(const Slot& slot, const std::vector<double>& values, const Variant& variant) {
        const Distance d = distance(values, variant.expected.at(slot.name));
        const std::string where = variant.label.empty() ? slot.name : slot.name + " (" + variant.label + ")";
        std::optional<Measure>& worst = result_.line.reference;
        if (!worst || d.mean_square > worst->error) worst = {d.mean_square, where, d.worst};
        check_limits(slot, d, values, variant);
    }

    /// The first run's bits from other conditions as well, or at least the same bits again from the same
    /// ones.
    void check_repetitions(Launch& launch, const Variant& variant) {
        const bool follows_threads =
            std::ranges::find(bits_follow_threads, implementation_.name) != std::end(bits_follow_threads);
        std::vector<std::byte> bits = launch.result_bytes();
        for (const Repetition& repetition : checks_.repetitions(*work_)) {
            if (follows_threads) bits = run_again(launch, variant, repetition);
            if (run_again(launch, variant, repetition) == bits) continue;
            fail(variant,
                 follows_threads
                     ? fmt::format("two runs with {} gave different bits", repetition.label)
                     : fmt::format("{} gave other bits than {}", repetition.label, checks_.first_label()));
            return;
        }
    }

    std::vector<std::byte> run_again(Launch& launch, const Variant& variant, const Repetition& repetition) {
        repetition.around([&] { launch.run(implementation_); });
        for (const std::string& violation : launch.violations()) {
            fail(variant, fmt::format("with {}, {}", repetition.label, violation));
        }
        return launch.result_bytes();
    }

    void fail(const Variant& variant, const std::string& sentence) {
        result_.line.fail(variant.label.empty() ? sentence : variant.label + ": " + sentence);
    }

    const BoundPass& pass_;
    const Callable& implementation_;
    DType dtype_;
    const Problem& problem_;
    const DeviceChecks& checks_;
    const Line* known_fault_;
    std::optional<double> work_;  // of the first launch
    std::string refusal_;
    PassResult result_;
};

}  // namespace

PassResult check_pass(const BoundPass& pass, const Callable& implementation, DType dtype,
                      const Problem& problem, const std::vector<Variant>& variants,
                      const DeviceChecks& checks, const Line* known_fault) {
    return PassCheck(pass, implementation, dtype, problem, checks, known_fault).run(variants);
}

}  // namespace vitrine::gradcheck
