// A training step with everything that happened in it: see captured_step.h.

#include "lab/inspect/capture/captured_step.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "kernels/call_observer.h"

namespace vitrine::inspect {
namespace {

using Clock = std::chrono::steady_clock;

Tensor copy_of(const Tensor& tensor) {
    Tensor copy = Tensor::like(tensor);
    copy.assign_copy(tensor);
    return copy;
}

Tensor copy_if_defined(const Tensor& tensor) { return tensor.defined() ? copy_of(tensor) : Tensor(); }

/// Listens to one batch: what its ops read and left, and what they cost.
class Recorder {
  public:
    explicit Recorder(CapturedStep& step) : step_(step) {}

    /// A tensor that was there before the first op; `value` is what is kept of it.
    void know(const std::string& name, const Tensor& tensor, const Tensor& value, bool is_parameter) {
        CapturedTensor known{.name = name, .value = value, .is_parameter = is_parameter};
        tensors_[key_of(tensor)] = add(std::move(known), tensor);
    }

    void listen(const OpEvent& event) {
        event.pass == Pass::forward ? forward(event) : backward(event);
        calls_.clear();
        begin_ = Clock::now();
    }

    void listen(const KernelCall& call) { calls_.push_back(call); }

    void begin() {
        calls_.clear();
        begin_ = Clock::now();
    }

    /// After the backward pass: gradients are whole.
    void finish() {
        for (size_t i = 0; i < handles_.size(); ++i)
            step_.tensors[i].gradient = copy_if_defined(handles_[i].gradient());
        name_ops();
    }

    /// The tensor of this memory and shape, `none` where no op saw one.
    int find(const Tensor& tensor) const {
        const auto found = tensors_.find(key_of(tensor));
        return found == tensors_.end() ? none : found->second;
    }

  private:
    using Key = std::pair<const void*, std::vector<int64_t>>;  // views differ in their shapes

    static Key key_of(const Tensor& tensor) { return {tensor.data(), tensor.shape().extents()}; }

    int add(CapturedTensor tensor, const Tensor& handle) {
        step_.tensors.push_back(std::move(tensor));
        handles_.push_back(handle);  // keeps its memory, so that no later tensor has the same
        return static_cast<int>(handles_.size()) - 1;
    }

    void forward(const OpEvent& event) {
        const int index = static_cast<int>(step_.ops.size());
        CapturedOp op{.op = event.op, .module = event.module, .options = event.options};
        for (const Tensor& input : event.inputs) op.inputs.push_back(read_by(index, input));
        for (const Tensor& output : event.outputs) {
            op.outputs.push_back(add({.value = output, .producer = index}, output));
            tensors_[key_of(output)] = op.outputs.back();
        }
        op.forward = pass();
        numbers_[event.number] = index;
        step_.ops.push_back(std::move(op));
    }

    int read_by(int op, const Tensor& input) {
        if (!input.defined()) return none;
        int tensor = find(input);
        if (tensor == none) {  // what somebody made without an op: labels, say
            know("input", input, copy_of(input), false);
            tensor = find(input);
        }
        step_.tensors[tensor].readers.push_back(op);
        return tensor;
    }

    void backward(const OpEvent& event) {
        const auto op = numbers_.find(event.number);
        if (op == numbers_.end()) return;
        step_.ops[op->second].backward = pass();
        step_.ops[op->second].ran_backward = true;
    }

    CapturedPass pass() const {
        CapturedPass pass;
        pass.seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
        for (const KernelCall& call : calls_) {
            pass.kernels.emplace_back(call.kernel);
            pass.cost += call.least;
        }
        return pass;
    }

    void name_ops() {
        std::map<std::string, int> in_module;
        for (const CapturedOp& op : step_.ops) ++in_module[op.module];
        std::set<std::string> taken;
        for (CapturedOp& op : step_.ops) {
            const bool alone = !op.module.empty() && in_module[op.module] == 1;
            const std::string wanted = alone               ? op.module
                                       : op.module.empty() ? op.op
                                                           : op.module + "." + op.op;
            op.name = wanted;
            for (int i = 2; !taken.insert(op.name).second; ++i) op.name = wanted + "_" + std::to_string(i);
            for (const int output : op.outputs) step_.tensors[output].name = op.name;
        }
    }

    CapturedStep& step_;
    std::vector<Tensor> handles_;  // of step_.tensors, with their slots
    std::map<Key, int> tensors_;
    std::map<uint64_t, int> numbers_;  // of forward events
    std::vector<KernelCall> calls_;
    Clock::time_point begin_ = Clock::now();
};

void keep_parameters_before(const FlatState& state, const optim::Sgd& optimiser, CapturedStep& step) {
    for (size_t i = 0; i < state.parameters().size(); ++i) {
        const nn::NamedParameter& named = state.parameters()[i];
        CapturedParameter kept{.name = named.name, .role = named.parameter->role};
        kept.before = copy_of(named.value());
        if (state.is_trained(i)) {
            kept.momentum_before = copy_if_defined(optimiser.momentum(i));
            kept.decays = optimiser.options().weight_decay > 0.0 &&
                          (optimiser.options().decay_norms_and_biases || !state.is_norm_or_bias(i));
            if (!optimiser.options().rate_factors.empty())
                kept.rate_factor = optimiser.options().rate_factors[i];
        }
        step.parameters.push_back(std::move(kept));
    }
}

}  // namespace

const CapturedOp* CapturedStep::op(const std::string& name) const {
    const auto found = std::ranges::find(ops, name, &CapturedOp::name);
    return found == ops.end() ? nullptr : &*found;
}

CapturedStep capture_step(nn::Module& model, const NetworkInput& input, const StepSettings& settings) {
    model.set_writes_all(true);  // all tensors are to be seen
    TrainingStep training(model, settings.optimiser, settings.label_smoothing);
    if (!settings.class_weights.empty()) training.weigh_classes(settings.class_weights);
    if (settings.set_up) settings.set_up(model, training);
    for (int i = 0; i + 1 < settings.steps; ++i) {
        const EarlierStep earlier =
            settings.earlier ? settings.earlier(i) : EarlierStep{input, settings.update};
        training.accumulate(earlier.input, settings.seed, settings.first_batch + static_cast<uint32_t>(i));
        training.update(earlier.update);
        training.read();
    }

    CapturedStep step{.optimiser = training.optimiser().options(),
                      .update = settings.update,
                      .label_smoothing = settings.label_smoothing,
                      .fused = model.fused(),
                      .making = settings.making};
    FlatState& state = training.state();
    keep_parameters_before(state, training.optimiser(), step);
    Recorder recorder(step);
    recorder.know("images", input.images, input.images, false);
    step.images = recorder.find(input.images);
    for (size_t i = 0; i < state.parameters().size(); ++i)
        recorder.know(state.parameters()[i].name, state.parameters()[i].value(), step.parameters[i].before,
                      true);
    {
        const Trace trace([&](const OpEvent& event) { recorder.listen(event); });
        const CallObserver observer([&](const KernelCall& call) { recorder.listen(call); });
        recorder.begin();
        training.accumulate(input, settings.seed,
                            settings.first_batch + static_cast<uint32_t>(settings.steps - 1));
    }
    recorder.finish();
    training.update(settings.update);
    const StepScalars::Reading reading = training.read();
    step.result = reading.batches.back();
    step.update_result = reading.updates.back();
    for (size_t i = 0; i < state.parameters().size(); ++i) {
        CapturedParameter& kept = step.parameters[i];
        kept.tensor = recorder.find(state.parameters()[i].value());
        kept.after = copy_of(state.parameters()[i].value());
        if (!state.is_trained(i)) continue;
        kept.gradient = copy_if_defined(state.parameters()[i].value().gradient());
        kept.momentum_after = copy_if_defined(training.optimiser().momentum(i));
    }
    return step;
}

}  // namespace vitrine::inspect
