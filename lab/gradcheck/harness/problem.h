// A problem: one op at one shape with one set of options, as data. It names the tensors, says how they become
// the arguments of the forward and the backward kernel, and gives the point at which to check.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/cost.h"
#include "kernels/kernels.h"

namespace vitrine::gradcheck {

/// The values of tensors by name.
using Values = std::map<std::string, std::vector<double>, std::less<>>;

/// Where the tensors of a launch lie, by name: what a problem makes a kernel's arguments from.
class Bindings {
  public:
    void bind(const std::string& name, void* data, GradMode mode) { bound_[name] = {data, mode}; }

    /// The tensor's memory; throws std::logic_error if the problem has no such tensor.
    void* operator[](std::string_view name) const;
    /// The tensor's memory, or null if the problem or this launch leaves it out.
    void* optional(std::string_view name) const;
    /// A wanted gradient with its mode, or a null one.
    Gradient gradient(std::string_view name) const;

  private:
    std::map<std::string, Gradient, std::less<>> bound_;
};

/// An implementation of a kernel whose arguments are made from bindings.
struct Callable {
    std::string name;
    StorageTypes types;
    std::function<const char*(DType, const Bindings&)> refuses;
    std::function<void(DType, const Bindings&, Context&)> run;
};

/// A kernel as it is found in some table.
struct BoundPass {
    std::string kernel;
    Device device;
    std::vector<Callable> implementations;
    std::function<Cost(DType, const Bindings&)> least{};

    /// Whether any implementation takes bf16 and f16.
    bool takes_half() const;
};

/// Finds the problem's forward or backward kernel in a table. Empty if the op has no such pass.
using Pass = std::function<BoundPass(const KernelTable&)>;

/// A pass that calls a kernel with the arguments that `make(dtype, bindings)` returns: one Args, or a vector
/// of them for one call after the other.
template <class Args, class Make>
Pass pass(BoundKernel<Args> KernelTable::*kernel, Make make) {
    const auto calls = [make](DType dtype, const Bindings& bindings) {
        if constexpr (std::is_same_v<decltype(make(dtype, bindings)), Args>) {
            return std::vector<Args>{make(dtype, bindings)};
        } else {
            return make(dtype, bindings);
        }
    };
    return [kernel, calls](const KernelTable& table) {
        const BoundKernel<Args> bound = table.*kernel;
        const auto least = [calls](DType dtype, const Bindings& bindings) {
            Cost sum;
            for (const Args& args : calls(dtype, bindings)) sum += least_cost(args);
            return sum;
        };
        BoundPass result{bound->name(), bound.device, {}, least};
        for (const Implementation<Args>& implementation : bound->implementations()) {
            const auto refuses = [calls, implementation](DType dtype, const Bindings& bindings) {
                const char* reason = nullptr;
                for (const Args& args : calls(dtype, bindings)) {
                    if (reason == nullptr) reason = implementation.why_refused(args);
                }
                return reason;
            };
            const auto run = [calls, implementation, name = bound->name()](
                                 DType dtype, const Bindings& bindings, Context& context) {
                const RunningKernelScope running(name, implementation.name);
                for (const Args& args : calls(dtype, bindings)) {
                    implementation.run(args, context);
                    context.scratch.reset();
                }
            };
            result.implementations.push_back({implementation.name, implementation.types, refuses, run});
        }
        return result;
    };
}

enum class Element {
    floating,  // the type under test, or what sums are kept in beside it (HalfTypes)
    i32,
    u8,
};

/// What forward does with a tensor.
enum class Role {
    input,      // reads it, must not change it
    parameter,  // the same, and backward has a gradient d_NAME for it
    output,     // writes it; whatever was there must not matter
    loss,       // the same, and the loss that is differentiated is Σ d_NAME · NAME over all of these
    state,      // reads and updates it
};

/// Before the pass there is nothing in it.
inline bool is_written(Role role) { return role == Role::output || role == Role::loss; }

struct Tensor {
    std::string name;
    Role role = Role::input;
    int64_t count = 0;
    std::vector<double> values{};  // of inputs, parameters and states: the point at which to check
    Element element = Element::floating;
};

/// Two tensors that may share their memory: `output` is bound to the memory of `input`.
struct Alias {
    std::string output;
    std::string input;
};

/// A looser limit for one implementation on one problem, with the reason why nothing better can be asked.
struct Looser {
    std::string implementation;
    double mean_square;
    std::string reason;
};

/// A problem of an op that takes bf16 and f16 as well, and what of it is f32 beside these (kernels/dtype.h).
struct HalfTypes {
    std::vector<std::string> accumulated{};            // tensors, and their gradients
    std::vector<std::string> accumulated_gradients{};  // of tensors that are 16 bits themselves: "weight"

    /// Of a tensor, or of a gradient where its name begins with "d_".
    DType type_of(std::string_view name, DType dtype) const;
};

struct Problem {
    std::string shape;  // for people: shape and options
    std::vector<Tensor> tensors;
    Pass forward;
    Pass backward;  // empty for an op without gradients
    std::vector<Alias> forward_aliases{};
    std::vector<Alias> backward_aliases{};  // of the gradients in mode write
    /// The outputs by a formula of its own; where empty, the reference device's forward is the oracle.
    std::function<Values(const Values& inputs)> expected{};
    std::optional<HalfTypes> half{};
    std::vector<Looser> looser{};  // in f32
    bool differences = true;       // false at points on a kink or with values that are not finite
    double step = 1e-4;    // of the central differences; the point keeps further away from kinks than this
    int64_t samples = 40;  // elements of each parameter that are differenced; the rest only along a direction
};

}  // namespace vitrine::gradcheck
