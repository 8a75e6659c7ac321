// Looking on while a model runs: which op, in which module, from what to what.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "engine/ops/ops.h"
#include "engine/tensor.h"

namespace vitrine {

enum class Pass { forward, backward };

/// Of a convolution: what it was told, and the activation that its input was pending.
struct TracedConv {
    ops::ConvOptions options;
    Activation prologue = Activation::identity;
};

/// Of a convolution that is left out: as TracedConv, and the shape of what it would have made.
struct TracedExpansion {
    TracedConv conv;
    Shape shape;
};

/// Of a depthwise convolution that makes its own input (kernels/expanded_conv.h).
struct TracedExpandedConv {
    ops::ConvOptions options;
    TracedExpansion expansion;
    Activation prologue;  // that the wide input was pending
};

struct TracedDropout {
    double probability;
    RandomKey key;
};

struct TracedLoss {
    double label_smoothing;
    double lambda;  // of the first labels
};

/// What an op was told beside its inputs, where that decides what it computes: with it, forward events are a model's
/// whole graph. Activation: of an activation, of what resolve made whole, and that the input of global_average_pool was pending.
using OpOptions =
    std::variant<std::monostate, TracedConv, TracedExpansion, TracedExpandedConv, ops::PoolOptions,
                 ops::BatchNormOptions, Activation, TracedDropout, TracedLoss>;

struct OpEvent {
    Pass pass;
    uint64_t number;     // counts the ops of this thread; backward: of the op's forward event
    const char* op;      // "pointwise_conv"
    std::string module;  // "features.3.conv.0.0", empty outside of modules
    std::span<const Tensor> inputs = {};     // forward: in the order of the op's record, undefined ones too
    std::span<const Tensor> outputs = {};    // forward: with the slots of their gradients
    std::span<const Tensor> gradients = {};  // backward: of the outputs; of those that nobody used undefined
    OpOptions options = {};                  // forward

    /// Forward: the first output, which every op has.
    const Tensor& output() const { return outputs.front(); }
};

/// While it lives, `observer` is called after each op of this thread, forward and backward.
class Trace {
  public:
    explicit Trace(std::function<void(const OpEvent&)> observer);
    ~Trace();
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;

  private:
    std::function<void(const OpEvent&)> observer_;
    Trace* previous_;
    friend void notify(const OpEvent& event);
};

/// Called by every op's forward pass, and by the tape for backward passes; tell nobody without a Trace.
/// observe_forward() returns the op's number, by which observe_backward() is told of it.
uint64_t observe_forward(const char* op, std::span<const Tensor> inputs, std::span<const Tensor> outputs,
                         const OpOptions& options = {});
uint64_t observe_forward(const char* op, std::initializer_list<Tensor> inputs, const Tensor& output,
                         const OpOptions& options = {});
void observe_backward(uint64_t number, const char* op, const std::string& module,
                      std::span<const Tensor> gradients);

/// While it lives, ops belong to this module, inside the modules entered before.
class ModuleScope {
  public:
    explicit ModuleScope(const std::string& name);
    ~ModuleScope();
    ModuleScope(const ModuleScope&) = delete;
    ModuleScope& operator=(const ModuleScope&) = delete;
};

/// The path of the modules that are running: "features.3.conv".
std::string current_module();
/// The names of the modules that are running become `other`, and `other` theirs (OpContext, engine/autograd.h).
void swap_modules(std::vector<std::string>& other);

}  // namespace vitrine
