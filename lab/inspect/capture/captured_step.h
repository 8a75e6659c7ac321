// A training step with everything that happened in it: each op with the tensors that it read and left, their
// gradients, what it cost; each parameter before and after its update.
//
// It is the step that train runs (engine/step/step.h), looked on by a Trace. All tensors are kept as they were: parameters are
// views into flat state, which the update overwrites, so their values here are copies of before.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/optim/sgd.h"
#include "engine/step/step.h"
#include "engine/trace.h"
#include "kernels/cost.h"
#include "lab/inspect/capture/batch_making.h"

namespace vitrine::inspect {

/// No op, no tensor.
inline constexpr int none = -1;

struct CapturedTensor {
    std::string name{};   // a parameter's own ("features.0.0.weight"), "images", else that of its producer
    Tensor value{};       // of the step's forward pass
    Tensor gradient{};    // undefined: it wanted none, or none came
    int producer = none;  // the op that left it
    std::vector<int> readers{};  // ops, in the order in which they ran
    bool is_parameter = false;
};

/// What an op did in one pass.
struct CapturedPass {
    std::vector<std::string> kernels{};  // that were called: "pointwise_conv_forward"
    Cost cost{};                         // of all of them, at least
    double seconds = 0.0;  // by the host's clock: on a device that works on by itself, until it was asked
};

struct CapturedOp {
    std::string name{};    // unique: the module's, and ".OP" behind it where a module ran several
    std::string op{};      // "pointwise_conv"
    std::string module{};  // "features.3.conv.1.0"
    std::vector<int> inputs{}, outputs{};  // tensors, in the order of the op's record; `none` where undefined
    OpOptions options{};
    CapturedPass forward{}, backward{};
    bool ran_backward = false;
};

struct CapturedParameter {
    std::string name{};  // "features.0.0.weight"
    nn::Role role{};
    int tensor = none;         // among the step's tensors; `none` where no op read it (running statistics)
    Tensor before{}, after{};  // the value, of the update
    Tensor gradient{};         // undefined: there is none
    Tensor momentum_before{}, momentum_after{};  // undefined: none was kept
    bool decays = false;                         // weight decay pulls at it
    double rate_factor = 1;                      // of its learning rate
};

struct CapturedStep {
    std::vector<CapturedOp> ops{};  // in the order of the forward pass
    std::vector<CapturedTensor> tensors{};
    int images = none;                            // among the tensors: the batch
    std::vector<CapturedParameter> parameters{};  // as nn::Module::state() has them
    optim::SgdOptions optimiser{};
    UpdateOptions update{};
    BatchResult result{};  // loss, top-1, top-5
    UpdateResult update_result{};
    double label_smoothing = 0.0;
    bool fused = false;
    std::shared_ptr<const BatchMaking> making{};  // of its images; null: nobody knows

    /// By its name; null if there is none.
    const CapturedOp* op(const std::string& name) const;
    /// Whether the tensor is the batch that the step is on, and it is known how that was made.
    bool is_known_batch(int tensor) const { return making != nullptr && tensor == images; }
};

/// A step that leads to the one that is kept.
struct EarlierStep {
    NetworkInput input;
    UpdateOptions update;
};

struct StepSettings {
    optim::SgdOptions optimiser{.momentum = 0.9, .weight_decay = 1e-4};
    UpdateOptions update{.learning_rate = 0.05, .measure_norm = true};
    double label_smoothing = 0.0;
    std::vector<double> class_weights{};  // empty: all count alike
    uint64_t seed = 0;
    int steps = 1;             // the last one is kept, the others lead to it
    uint32_t first_batch = 0;  // of its run, which decides dropout's masks
    /// Batch and update of an earlier step, counted from 0; empty: the same for all.
    std::function<EarlierStep(int step)> earlier{};
    std::shared_ptr<const BatchMaking> making{};  // of the batch of the step that is kept
    /// What more there is to set, such as what is frozen; empty: nothing.
    std::function<void(nn::Module&, TrainingStep&)> set_up{};
};

/// Runs the steps and keeps the last one, which is on this batch. Throws what a step throws.
CapturedStep capture_step(nn::Module& model, const NetworkInput& input, const StepSettings& settings);

}  // namespace vitrine::inspect
