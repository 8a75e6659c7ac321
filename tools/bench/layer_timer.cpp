// Times every op of a training step: see layer_timer.h.

#include "tools/bench/layer_timer.h"

#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "engine/memory.h"
#include "kernels/no_implementation.h"
#include "kernels/runtime.h"
#include "tools/bench/layer_shape.h"

namespace vitrine::tools {
namespace {

/// Waits until the device has done all that it was asked to: a copy to the host comes after it.
void wait_for(Device device) {
    const std::shared_ptr<void> byte = allocate(device, 1);
    unsigned char on_host = 0;
    runtime(device).copy_to_host(&on_host, byte.get(), 1);
}

std::string kernel_of(std::string_view op) {
    return std::string(op == "relu" || op == "relu6" ? "activation" : op);
}

}  // namespace

LayerTimer::LayerTimer(Workload workload) : workload_(std::move(workload)) {
    run_step();
    learning_ = false;
    learned_.clear();
}

StepTimes LayerTimer::run(const Before& before) {
    before_ = before;
    times_.forward.assign(layers_.size(), 0.0);
    times_.backward.assign(layers_.size(), 0.0);
    try {
        return run_step();
    } catch (const NoImplementation& error) {
        if (!running_) throw;
        throw LayerRefusal(error.what(), error.reasons, running_->layer, running_->pass);
    }
}

StepTimes LayerTimer::run_step() {
    next_layer_ = next_backward_ = 0;
    running_.reset();
    const Trace trace([this](const OpEvent& event) { see(event); });
    const auto start = Clock::now();
    workload_.step(*this);
    wait_for(workload_.device);
    times_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return times_;
}

void LayerTimer::start_forward() {
    announce(next_layer_, Pass::forward);
    mark();
}

void LayerTimer::start_backward() {
    announce_backward();
    mark();
}

void LayerTimer::time(Layer layer, Pass pass, const std::function<void()>& body) {
    const size_t index = next_layer_++;
    (pass == Pass::forward ? layer.has_forward : layer.has_backward) = true;
    if (learning_) layers_.push_back(std::move(layer));
    announce(index, pass);
    mark();
    body();
    const double seconds = seconds_since_mark();
    if (!learning_) (pass == Pass::forward ? times_.forward : times_.backward)[index] = seconds;
    mark();
}

void LayerTimer::see(const OpEvent& event) {
    event.pass == Pass::forward ? see_forward(event) : see_backward(event);
    mark();
}

void LayerTimer::see_forward(const OpEvent& event) {
    const double seconds = seconds_since_mark();
    const size_t layer = next_layer_++;
    if (learning_) {
        learned_.push_back({layers_.size(), event.op, event.module, event.output.shape()});
        layers_.push_back({.op = kernel_of(event.op),
                           .shape = layer_shape(event),
                           .has_forward = std::string_view(event.op) != "reshape",
                           .forward = forward_cost(event),
                           .backward = backward_cost(event)});
        return;
    }
    times_.forward.at(layer) = seconds;
    announce(next_layer_, Pass::forward);
}

void LayerTimer::see_backward(const OpEvent& event) {
    const double seconds = seconds_since_mark();
    if (learning_) {
        const size_t layer = learn_backward(event);
        layers_[layer].has_backward = layers_[layer].backward.bytes > 0.0;
        backward_order_.push_back(layer);
        return;
    }
    times_.backward[backward_order_.at(next_backward_++)] = seconds;
    announce_backward();
}

size_t LayerTimer::learn_backward(const OpEvent& event) {
    // The tape is walked from its end, so whatever comes after the op that has just ended has no backward
    // pass.
    while (!learned_.empty()) {
        const Learned last = std::move(learned_.back());
        learned_.pop_back();
        if (last.op == event.op && last.module == event.module && last.output == event.inputs[0].shape())
            return last.layer;
    }
    throw std::logic_error("a backward pass that no forward pass led to: " + std::string(event.op));
}

void LayerTimer::announce(size_t layer, Pass pass) {
    if (learning_ || layer >= layers_.size()) return;
    running_ = {layer, pass};
    if (before_) before_(layer, pass);
}

void LayerTimer::announce_backward() {
    if (next_backward_ < backward_order_.size()) announce(backward_order_[next_backward_], Pass::backward);
}

void LayerTimer::mark() {
    wait_for(workload_.device);
    mark_ = Clock::now();
}

double LayerTimer::seconds_since_mark() const {
    wait_for(workload_.device);
    return std::chrono::duration<double>(Clock::now() - mark_).count();
}

}  // namespace vitrine::tools
