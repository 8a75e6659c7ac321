// Times every op of a training step: see layer_timer.h.

#include "lab/common/layer_timer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernels/no_implementation.h"
#include "lab/common/kernel_name.h"
#include "lab/common/layer_shape.h"

namespace vitrine::tools {
namespace {

/// So long, at most, is a device kept busy while the host asks for what comes next.
constexpr double longest_delay = 0.02;

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
    const CallObserver observer([this](const KernelCall& call) { calls_.push_back(call); });
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

void LayerTimer::time(const char* op, const std::string& shape, Pass pass,
                      const std::function<void()>& body) {
    const size_t index = next_layer_++;
    if (learning_) layers_.push_back({.op = op, .shape = shape});
    begin_section();
    announce(index, pass);
    begin_span();
    body();
    end_span(index, pass);
    begin_span();
}

void LayerTimer::see(const OpEvent& event) {
    event.pass == Pass::forward ? see_forward(event) : see_backward(event);
    begin_span();
}

std::string LayerTimer::op_of(const OpEvent& event) const {
    return calls_.empty() ? event.op : parts_of(calls_.front().kernel).op;
}

void LayerTimer::see_forward(const OpEvent& event) {
    if (learning_) {
        learned_[event.number] = layers_.size();
        layers_.push_back({.op = op_of(event), .shape = layer_shape(event)});
    }
    end_span(next_layer_++, Pass::forward);
    announce(next_layer_, Pass::forward);
}

void LayerTimer::see_backward(const OpEvent& event) {
    if (learning_) backward_order_.push_back(learned_.at(event.number));
    end_span(backward_order_.at(next_backward_++), Pass::backward);
    announce_backward();
}

void LayerTimer::announce(size_t layer, Pass pass) {
    if (learning_ || layer >= layers_.size()) return;
    running_ = {layer, pass};
    if (before_) before_(layer, pass);
}

void LayerTimer::announce_backward() {
    if (next_backward_ < backward_order_.size()) announce(backward_order_[next_backward_], Pass::backward);
}

void LayerTimer::begin_span() {
    begin_ = clock_.mark();
    calls_.clear();
}

void LayerTimer::end_span(size_t layer, Pass pass) {
    if (layer >= layers_.size()) throw std::logic_error("a step with more layers than the first one had");
    layers_[layer].of(pass) = called(layers_[layer].op);
    if (!learning_) spans_.push_back({layer, pass, begin_, clock_.mark()});
}

LayerPass LayerTimer::called(const std::string& op) const {
    LayerPass pass;
    for (const KernelCall& call : calls_) {
        const bool is_first = pass.kernel.empty();
        if (is_first || (parts_of(pass.kernel).op != op && parts_of(call.kernel).op == op))
            pass.kernel = call.kernel;
        pass.cost += call.least;
    }
    return pass;
}

}  // namespace vitrine::tools
