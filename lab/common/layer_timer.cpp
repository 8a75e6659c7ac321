// Times every op of a training step: see layer_timer.h.

#include "lab/common/layer_timer.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "kernels/no_implementation.h"
#include "lab/common/layer_shape.h"

namespace vitrine::tools {
namespace {

/// So long, at most, is a device kept busy while the host asks for what comes next.
constexpr double longest_delay = 0.02;

std::string kernel_of(std::string_view op) { return std::string(is_activation(op) ? "activation" : op); }

}  // namespace

LayerTimer::LayerTimer(Workload workload) : workload_(std::move(workload)), clock_(workload_.device) {
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
    clock_.clear();
    spans_.clear();
    delays_.clear();
    const Trace trace([this](const OpEvent& event) { see(event); });
    const auto start = std::chrono::steady_clock::now();
    const size_t step_begin = clock_.mark();
    workload_.step(*this);
    add_up(step_begin, clock_.mark());
    // The first run of a layer allocates, and more: its time is no measure.
    if (!learning_ && !host_seconds_)
        host_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return times_;
}

void LayerTimer::add_up(size_t step_begin, size_t step_end) {
    times_.seconds = clock_.seconds(step_begin, step_end);
    for (const Span& delay : delays_) times_.seconds -= clock_.seconds(delay.begin, delay.end);
    for (const Span& span : spans_) {
        (span.pass == Pass::forward ? times_.forward : times_.backward)[span.layer] =
            clock_.seconds(span.begin, span.end);
    }
}

void LayerTimer::begin_section() {
    if (!host_seconds_) return;
    const size_t begin = clock_.mark();
    clock_.keep_busy(std::min(*host_seconds_, longest_delay));
    delays_.push_back({.layer = 0, .pass = Pass::forward, .begin = begin, .end = clock_.mark()});
}

void LayerTimer::start_forward() {
    begin_section();
    announce(next_layer_, Pass::forward);
    begin_span();
}

void LayerTimer::start_backward() {
    begin_section();
    announce_backward();
    begin_span();
}

void LayerTimer::time(Layer layer, Pass pass, const std::function<void()>& body) {
    const size_t index = next_layer_++;
    (pass == Pass::forward ? layer.has_forward : layer.has_backward) = true;
    if (learning_) layers_.push_back(std::move(layer));
    begin_section();
    announce(index, pass);
    begin_span();
    body();
    if (!learning_) end_span(index, pass);
    begin_span();
}

void LayerTimer::see(const OpEvent& event) {
    event.pass == Pass::forward ? see_forward(event) : see_backward(event);
    begin_span();
}

void LayerTimer::see_forward(const OpEvent& event) {
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
    end_span(layer, Pass::forward);
    announce(next_layer_, Pass::forward);
}

void LayerTimer::see_backward(const OpEvent& event) {
    if (learning_) {
        const size_t layer = learn_backward(event);
        layers_[layer].has_backward = layers_[layer].backward.bytes > 0.0;
        backward_order_.push_back(layer);
        return;
    }
    end_span(backward_order_.at(next_backward_++), Pass::backward);
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

void LayerTimer::end_span(size_t layer, Pass pass) {
    if (layer >= layers_.size()) throw std::logic_error("a step with more layers than the first one had");
    spans_.push_back({layer, pass, begin_, clock_.mark()});
}

}  // namespace vitrine::tools
