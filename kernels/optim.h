// What an optimiser does to all parameters of a model in one call: the update of stochastic gradient descent,
// the norm of all gradients, and the moving average of the parameters.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/dtype.h"

namespace vitrine {

struct SgdParameter {
    int64_t count = 0;
    const void* gradient = nullptr;
    void* value = nullptr;
    void* momentum_buffer = nullptr;  // null exactly when momentum is 0
    double weight_decay = 0.0;
};

/// For each parameter:
///
///     g = gradient_scale · gradient + weight_decay · value
///     b = g in the first step, else momentum · b + (1 − dampening) · g
///     g = g + momentum · b if nesterov, else b          (only with momentum)
///     value −= learning_rate · g
///
/// As torch.optim.SGD: the learning rate is not part of the buffer, and the first step takes no dampening.
struct SgdUpdate {
    DType dtype = DType::f32;
    std::span<const SgdParameter> parameters;
    double learning_rate = 0.0;
    double momentum = 0.0;
    double dampening = 0.0;
    bool nesterov = false;
    bool first_step = false;      // the momentum buffers hold nothing yet
    double gradient_scale = 1.0;  // 1/N for gradients summed over N batches, less to clip their norm
};

struct L2NormPart {
    int64_t count = 0;
    const void* data = nullptr;
};

/// norm = √ Σ x² over all elements of all parts; 0 if there are none.
///
/// Neighbouring squares are summed in the parts' own type, and these sums in f64, in an order that follows
/// from the counts alone. In f32, elements beyond 1e19 thus count as infinite and those below 1e-23 as 0.
struct L2Norm {
    DType dtype = DType::f32;
    std::span<const L2NormPart> parts;
    void* norm = nullptr;  // [1]
};

struct EmaParameter {
    int64_t count = 0;
    const void* value = nullptr;
    void* average = nullptr;
};

/// average = decay · average + (1 − decay) · value, rounded as torch.lerp does: the step is taken from the
/// nearer end, so that a decay of 0 copies the value to the bit and one of 1 leaves the average alone.
struct EmaUpdate {
    DType dtype = DType::f32;
    std::span<const EmaParameter> parameters;
    double decay = 0.0;
};

/// An EmaUpdate's numbers for average = base + weight · (value − average).
struct Lerp {
    bool from_value;  // base: the value, else the average
    double weight;

    explicit constexpr Lerp(double decay)
        : from_value(decay <= 0.5), weight(from_value ? -decay : 1.0 - decay) {}
};

}  // namespace vitrine
