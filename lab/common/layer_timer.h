// Times every op of a training step, where it runs: between its neighbours, with the caches as they leave
// them, by the device's own clock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/trace.h"
#include "kernels/call_observer.h"
#include "kernels/device.h"
#include "kernels/error.h"
#include "lab/common/device_clock.h"

namespace vitrine::tools {

class LayerTimer;

/// A piece of training that can be repeated. `step` does the same ops in the same order each time, and tells
/// the timer where the passes begin.
struct Workload {
    std::string name;  // "training steps of NAME, images 224x224, batch 32"
    std::function<void(LayerTimer& timer)> step;
    Device device = Device::cpu;  // where the ops run
};

/// What kernels do in one pass of a layer.
struct LayerPass {
    std::string kernel;  // the one of the layer's op, else the first that was called; empty where none was
    Cost cost;           // of all that were called, at least
};

/// One run of an op: a layer of the model, or a kernel that no op launches.
struct Layer {
    std::string
        op;  // as in kernels.def, without _forward and _backward; the engine's name where no kernel runs
    std::string shape;  // of one sample: "112x112x96 -> 56x56x96 k3 s2"
    LayerPass forward{}, backward{};

    const LayerPass& of(Pass pass) const { return pass == Pass::forward ? forward : backward; }
    LayerPass& of(Pass pass) { return pass == Pass::forward ? forward : backward; }
};

/// Of one step, for each layer.
struct StepTimes {
    double seconds = 0.0;  // the whole step, with what is no op
    std::vector<double> forward, backward;

    double of(size_t layer, Pass pass) const { return (pass == Pass::forward ? forward : backward)[layer]; }
};

/// The implementation that was forced does not take the arguments of a layer.
struct LayerRefusal : Error {
    LayerRefusal(const std::string& message, std::string why, size_t in_layer, Pass in_pass)
        : Error(message), reasons(std::move(why)), layer(in_layer), pass(in_pass) {}
    std::string reasons;
    size_t layer;
    Pass pass;
};

class LayerTimer {
  public:
    /// Runs the workload once to learn its layers.
    explicit LayerTimer(Workload workload);

    const Workload& workload() const { return workload_; }
    /// With the costs of the last step: an optimiser's first one, say, reads less than those that follow.
    const std::vector<Layer>& layers() const { return layers_; }

    /// Runs one step; `before` is called right before each pass of each layer. Throws LayerRefusal.
    using Before = std::function<void(size_t layer, Pass pass)>;
    StepTimes run(const Before& before = {});

    // For the workload. What passes between the end of one of these and the start of the next is not the
    // ops'.
    void start_forward();
    void start_backward();
    /// Times what is not an op of engine/ops: how it is called is for the caller to say.
    void time(const char* op, const std::string& shape, Pass pass, const std::function<void()>& body);

  private:
    /// A piece of a step, between two marks of the clock.
    struct Span {
        size_t layer;
        Pass pass;
        size_t begin, end;
    };
    struct Position {
        size_t layer;
        Pass pass;
    };

    StepTimes run_step();
    void see(const OpEvent& event);
    /// As the kernel says that was called for it; behind that comes the norm which it was told of.
    std::string op_of(const OpEvent& event) const;
    void see_forward(const OpEvent& event);
    void see_backward(const OpEvent& event);
    void announce(size_t layer, Pass pass);
    void announce_backward();
    /// What is asked of the device from here on is not to wait for the host.
    void begin_section();
    void begin_span();
    void end_span(size_t layer, Pass pass);
    /// What was called since the span began.
    LayerPass called(const std::string& op) const;
    void add_up(size_t step_begin, size_t step_end);

    Workload workload_;
    DeviceClock clock_;
    std::vector<Layer> layers_;
    std::vector<size_t> backward_order_;  // layers, as their backward passes come
    bool learning_ = true;
    std::map<uint64_t, size_t> learned_;  // layers, by the numbers of their forward events

    Before before_;
    StepTimes times_;
    size_t next_layer_ = 0, next_backward_ = 0;
    std::optional<Position> running_;
    size_t begin_ = 0;               // the mark at which the running layer began
    std::vector<KernelCall> calls_;  // since then
    std::vector<Span> spans_, delays_;
    std::optional<double> host_seconds_;  // that the host takes for a step, about
};

}  // namespace vitrine::tools
