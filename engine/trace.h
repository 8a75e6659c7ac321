// Looking on while a model runs: which op, in which module, from what to what.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <variant>

#include "engine/ops/ops.h"
#include "engine/tensor.h"

namespace vitrine {

enum class Pass { forward, backward };

/// What an op was told beside its inputs, where that decides what it computes: with it, forward events are a model's
/// whole graph.
using OpOptions = std::variant<std::monostate, ops::ConvOptions, ops::PoolOptions, ops::BatchNormOptions>;

struct OpEvent {
    Pass pass;
    const char* op;                  // "pointwise_conv"
    std::string module;              // "features.3.conv.0.0", empty outside of modules
    std::span<const Tensor> inputs;  // forward: the op's; backward: the gradient of its output
    Tensor output;                   // of forward; undefined in backward
    OpOptions options = {};          // of forward
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

/// Called by every op's forward pass, and by the tape for backward passes; does nothing without a Trace.
void observe_forward(const char* op, std::initializer_list<Tensor> inputs, const Tensor& output,
                     const OpOptions& options = {});
void observe_backward(const char* op, const std::string& module, const Tensor& d_y);

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

}  // namespace vitrine
