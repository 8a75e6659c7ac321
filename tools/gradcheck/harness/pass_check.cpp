// Checks one implementation over all variants: see pass_check.h.

#include "tools/gradcheck/harness/pass_check.h"

#include <fmt/format.h>

#include "kernels/threads.h"
#include "tools/gradcheck/harness/check.h"

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

class ThreadCount {
  public:
    ThreadCount() : before_(threads()) {}
    ~ThreadCount() { set_threads(before_); }
    ThreadCount(const ThreadCount&) = delete;
    ThreadCount& operator=(const ThreadCount&) = delete;

  private:
    int before_;
};

class PassCheck {
  public:
    PassCheck(const BoundPass& pass, const Callable& implementation, DType dtype, const std::string& shape)
        : pass_(pass), implementation_(implementation), dtype_(dtype) {
        result_.line.kernel = pass.kernel;
        result_.line.implementation = implementation.name;
        result_.line.type = name_of(dtype);
        result_.line.shape = shape;
    }

    PassResult run(const std::vector<Variant>& variants) {
        for (size_t index = 0; index < variants.size(); ++index) check_variant(variants[index], index);
        Line& line = result_.line;
        if (result_.accepted.empty() && line.status == Status::passed) {
            line.status = Status::refused;
            line.refusal = refusal_;
        }
        return std::move(result_);
    }

  private:
    void check_variant(const Variant& variant, size_t index) {
        Launch launch(pass_.device, dtype_, variant.slots, variant.placement);
        if (const char* reason = launch.refuses(implementation_)) {
            if (refusal_.empty()) refusal_ = reason;
            return;
        }
        result_.accepted.insert(index);
        launch.run(implementation_);
        for (const std::string& violation : launch.violations()) fail(variant, violation);
        compare(launch, variant, index);
        // One variant that writes and one that accumulates, or that lies elsewhere: the others take the same
        // loops.
        if (index < 2) check_threads(launch, variant);
    }

    void compare(const Launch& launch, const Variant& variant, size_t index) {
        for (const Slot& slot : variant.slots) {
            if (slot.access == Access::read) continue;
            std::vector<double> values = launch.values(slot.name);
            compare_tensor(slot, values, variant);
            if (index == 0) result_.plain[slot.name] = std::move(values);
        }
    }

    void compare_tensor(const Slot& slot, const std::vector<double>& values, const Variant& variant) {
        const Distance d = distance(values, variant.expected.at(slot.name));
        const Limits limits = limits_of(slot.dtype);
        const std::string where = variant.label.empty() ? slot.name : slot.name + " (" + variant.label + ")";
        std::optional<Measure>& worst = result_.line.reference;
        if (!worst || d.mean_square > worst->error) worst = {d.mean_square, where, d.worst};
        const std::string element = fmt::format("{}[{}] is {:.9g}, the reference has {:.9g}", slot.name,
                                                d.worst.index, d.worst.actual, d.worst.expected);
        if (!(d.mean_square <= limits.mean_square)) {
            fail(variant, fmt::format("mean-square error {:.1e} exceeds {:.1e}: {}", d.mean_square,
                                      limits.mean_square, element));
        } else if (!(d.largest <= limits.largest)) {
            fail(variant,
                 fmt::format("largest error {:.1e} exceeds {:.1e}: {}", d.largest, limits.largest, element));
        }
    }

    void check_threads(Launch& launch, const Variant& variant) {
        const ThreadCount restore_afterwards;
        const std::vector<std::byte> first = launch.result_bytes();
        for (const int count : {1, 2, 3}) {
            set_threads(count);
            launch.run(implementation_);
            if (launch.result_bytes() == first) continue;
            fail(variant, fmt::format("another run, with {} threads, gave other bits", count));
            return;
        }
    }

    void fail(const Variant& variant, const std::string& sentence) {
        result_.line.fail(variant.label.empty() ? sentence : variant.label + ": " + sentence);
    }

    const BoundPass& pass_;
    const Callable& implementation_;
    DType dtype_;
    std::string refusal_;
    PassResult result_;
};

}  // namespace

PassResult check_pass(const BoundPass& pass, const Callable& implementation, DType dtype,
                      const std::string& shape, const std::vector<Variant>& variants) {
    return PassCheck(pass, implementation, dtype, shape).run(variants);
}

}  // namespace vitrine::gradcheck
