// Autograd: see autograd.h.

#include "engine/autograd.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <unordered_map>

#include "engine/norm_gradient.h"
#include "engine/trace.h"
#include "kernels/kernels.h"

namespace vitrine {

void GradientSlot::collect_in(Tensor memory) {
    gradient_ = std::move(memory);
    written_ = false;
    has_place_ = true;
}

void GradientSlot::exchange_collected(GradientSlot& other) {
    std::swap(gradient_, other.gradient_);
    std::swap(written_, other.written_);
    std::swap(has_place_, other.has_place_);
}

void GradientSlot::own_memory() {
    if (has_place_) return;
    if (!gradient_.defined() || (!written_ && gradient_.shares_memory())) {
        gradient_ = Tensor::empty(shape_, placement_);
    } else if (gradient_.shares_memory()) {
        // Written by passing on another tensor's gradient: that one must not change with ours.
        Tensor copy = Tensor::like(gradient_);
        copy.assign_copy(gradient_);
        gradient_ = copy;
    }
}

Gradient GradientSlot::receive() {
    own_memory();
    const GradMode mode = written_ ? GradMode::accumulate : GradMode::write;
    written_ = true;
    return {gradient_.data(), mode};
}

void GradientSlot::contribute(const Tensor& contribution) {
    if (!written_ && has_place_) {
        gradient_.assign_copy(contribution);
        written_ = true;
        return;
    }
    if (!written_) {
        gradient_ = contribution.viewed_as(shape_);  // without its own slot, which could be this one: a cycle
        written_ = true;
        return;
    }
    kernels(placement_.device)
        .add_backward({.dtype = placement_.dtype,
                       .count = shape_.count(),
                       .d_y = contribution.data(),
                       .d_a = receive(),
                       .d_b = {}});
}

void Tape::backward(const Tensor& loss, Tensor d_loss, const SlotListener& finished) {
    if (loss.count() != 1)
        throw std::logic_error("backward() of a tensor of shape " + loss.shape().to_string());
    if (!loss.requires_gradient())
        throw std::logic_error("backward() of a loss that depends on no parameter");
    constexpr std::array one{1.0};
    if (!d_loss.defined())
        d_loss = Tensor::from_host(std::span<const double>(one), loss.shape(), loss.placement());
    loss.slot()->contribute(d_loss);
    backward_from_slots(finished);
}

void Tape::backward_from_slots(const SlotListener& finished) {
    std::unordered_map<const GradientSlot*, int> to_come;  // ops that can add to a slot
    for (size_t i = 0; finished && i < nodes_.size(); ++i) {
        for (const GradientSlot* slot : nodes_[i].inputs) ++to_come[slot];
    }
    while (!nodes_.empty()) {
        const Node node = std::move(nodes_.back());
        nodes_.pop_back();
        run(node);
        for (const GradientSlot* slot : node.inputs) {
            if (slot->norm() != nullptr) --slot->norm()->readers;
        }
        for (size_t i = 0; finished && i < node.inputs.size(); ++i) {
            if (--to_come[node.inputs[i]] == 0) finished(node.inputs[i]);
        }
    }
}

void Tape::run(const Node& node) {
    std::array<Tensor, 3> of_outputs;
    const std::span<Tensor> gradients = std::span(of_outputs).first(node.outputs.size());
    std::ranges::transform(node.outputs, gradients.begin(),
                           [](const auto& slot) { return slot->gradient(); });
    if (std::ranges::none_of(gradients, &Tensor::defined)) return;  // nothing that led to the loss used them
    node.backward(gradients);
    observe_backward(node.number, node.name, node.module, gradients);
}

namespace {
thread_local Tape* recording_tape = nullptr;
}  // namespace

Recording::Recording(Tape& tape) : previous_(recording_tape) { recording_tape = &tape; }

Recording::~Recording() { recording_tape = previous_; }

void swap_op_context(OpContext& other) {
    std::swap(recording_tape, other.tape);
    swap_modules(other.modules);
}

void record_outputs(const char* name, std::initializer_list<Tensor> inputs,
                    std::initializer_list<std::reference_wrapper<Tensor>> outputs,
                    std::function<void(std::span<const Tensor> gradients)> backward,
                    const OpOptions& options) {
    const bool recorded = recording_tape != nullptr &&
                          std::ranges::any_of(inputs, [](const Tensor& x) { return x.requires_gradient(); });
    if (recorded) {
        for (Tensor& output : outputs) output.require_gradient();
    }
    const std::vector<Tensor> seen(outputs.begin(), outputs.end());
    const uint64_t number = observe_forward(name, std::span(inputs.begin(), inputs.size()), seen, options);
    if (!recorded) return;
    std::vector<std::shared_ptr<GradientSlot>> slots;
    slots.reserve(seen.size());
    for (const Tensor& output : seen) slots.push_back(output.slot());
    std::vector<const GradientSlot*> wanting;
    for (const Tensor& input : inputs) {
        if (!input.requires_gradient()) continue;
        wanting.push_back(input.slot().get());
        if (input.slot()->norm() != nullptr) ++input.slot()->norm()->readers;
    }
    recording_tape->append(
        {name, current_module(), number, std::move(slots), std::move(wanting), std::move(backward)});
}

}  // namespace vitrine
