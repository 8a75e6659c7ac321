// Steps as graphs: see step_graph.h.

#include "engine/step/step_graph.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"
#include "kernels/runtime.h"

namespace vitrine {
namespace {

// With a graph each. Where labels are mixed, norms logged now and then, and several batches make a step, a run has
// a dozen; with fewer places than kinds, each would be forgotten before its turn comes.
constexpr size_t most_kinds = 32;

double momentum_of(TrainingStep& step, const UpdateOptions& options) {
    return options.momentum.value_or(step.optimiser().options().momentum);
}

/// While it lives, kernels find the numbers that change in the device's memory.
class SettingsScope {
  public:
    SettingsScope(Device device, const Tensor& settings) : context_(context(device)) {
        context_.settings = static_cast<const StepSettings*>(settings.data());
    }
    ~SettingsScope() { context_.settings = nullptr; }
    SettingsScope(const SettingsScope&) = delete;
    SettingsScope& operator=(const SettingsScope&) = delete;

  private:
    Context& context_;
};

void copy_to(Tensor& to, const Tensor& from) {
    if (from.defined()) to.assign_copy(from);
}

}  // namespace

struct StepGraph::Kind {
    Shape images{};
    DType dtype = DType::f32;
    bool mixed = false, other_is_stronger = false;  // the labels of the batch
    bool accumulates = false;                       // onto gradients of a batch before it
    bool updates = false, has_momentum = false, measures_norm = false;
    int64_t batches = 1;
    double clip_norm = 0.0, skip_outliers = 0.0;
    uint64_t seed = 0;
    int64_t revision = 0;            // of the step
    optim::SgdOptions options{};     // but for its momentum
    std::vector<bool> modules{};     // fused? training?
    std::vector<bool> parameters{};  // frozen? has its momentum begun?

    bool operator==(const Kind&) const = default;
};

struct StepGraph::Recorded {
    Kind kind;
    bool rehearsed = false;  // its memory is all there
    NetworkInput input{};    // where the graph finds its batch
    StepScalars::Used records{};
    std::vector<double> counted{};  // by the host, a batch
    std::optional<Graph> graph{};
};

StepGraph::StepGraph(TrainingStep& step) : step_(step), device_(step.state().placement().device) {
    if (const char* problem = graph_problem(device_)) {
        problem_ = problem;
        return;
    }
    if (step_.shards() > 1) {
        problem_ = "a batch of several shards is not recorded";
        return;
    }
    settings_ = Tensor::empty({sizeof(StepSettings)}, {DType::u8, device_});
}

StepGraph::~StepGraph() = default;

void StepGraph::forget() {
    kinds_.clear();
    scratch_.reset();
    memory_.reset();
}

void StepGraph::use_own_memory() {
    if (memory_) return;
    memory_ = std::make_unique<PlannedMemory>(device_);
    scratch_ = std::make_unique<Scratch::Kept>(context(device_).scratch);
}

StepGraph::Kind StepGraph::kind_of(const NetworkInput& input, uint64_t seed,
                                   const std::optional<UpdateOptions>& update) {
    Kind kind{.images = input.images.shape(),
              .dtype = input.images.dtype(),
              .mixed = input.labels_b.defined(),
              .other_is_stronger = input.labels_b.defined() && input.lambda < 0.5,
              .accumulates = step_.host_state().accumulating,
              .seed = seed,
              .revision = step_.revision(),
              .options = step_.optimiser().options()};
    kind.options.momentum = 0.0;
    if (update) {
        kind.updates = true;
        kind.has_momentum = momentum_of(step_, *update) != 0.0;
        kind.measures_norm = update->measure_norm;
        kind.batches = update->batches;
        kind.clip_norm = update->clip_norm;
        kind.skip_outliers = update->skip_outliers;
    }
    step_.model().for_each_module([&](const std::string&, const nn::Module& module) {
        kind.modules.push_back(module.fused());
        kind.modules.push_back(module.writes_all());
        kind.modules.push_back(module.training());
    });
    const std::vector<bool>& started = step_.optimiser().started();
    for (size_t i = 0; i < started.size(); ++i) {
        kind.parameters.push_back(step_.state().is_frozen(i));
        kind.parameters.push_back(started[i]);
    }
    return kind;
}

StepGraph::Recorded& StepGraph::recorded(const Kind& kind) {
    const auto found = std::ranges::find(kinds_, kind, &Recorded::kind);
    if (found != kinds_.end()) return *found;
    if (kinds_.size() == most_kinds) kinds_.pop_front();
    return kinds_.emplace_back(Recorded{.kind = kind});
}

/// One after the other runs: graphs of one shape share it.
NetworkInput StepGraph::room_for(const NetworkInput& input) const {
    NetworkInput room{.images = {}, .labels = {}, .labels_b = {}, .lambda = input.lambda};
    const auto share = [](Tensor& to, const Tensor& from, const Tensor& wanted) {
        if (!to.defined() && from.defined() && wanted.defined()) to = from;
    };
    for (const Recorded& other : kinds_) {
        const Tensor& images = other.input.images;
        if (!images.defined() || images.shape() != input.images.shape() ||
            images.dtype() != input.images.dtype())
            continue;
        share(room.images, images, input.images);
        share(room.labels, other.input.labels, input.labels);
        share(room.labels_b, other.input.labels_b, input.labels_b);
    }
    const auto make = [](Tensor& to, const Tensor& wanted) {
        if (!to.defined() && wanted.defined()) to = Tensor::like(wanted);
    };
    make(room.images, input.images);
    make(room.labels, input.labels);
    make(room.labels_b, input.labels_b);
    return room;
}

void StepGraph::run(const NetworkInput& input, uint64_t seed, uint32_t batch,
                    const std::optional<UpdateOptions>& update) {
    if (!problem_.empty()) return run_plainly(input, seed, batch, update);
    use_own_memory();
    step_.model().set_training(true);
    Recorded& kind = recorded(kind_of(input, seed, update));
    if (!kind.rehearsed) return rehearse(kind, input, seed, batch, update);
    if (update) step_.prepare_update();
    if (!kind.graph) return capture(kind, input, seed, batch, update);
    send(kind, input, batch, update);
    step_.follow_batch(kind.counted, update.has_value());
    kind.graph->launch();
    ++counts_.replayed;
}

void StepGraph::run_plainly(const NetworkInput& input, uint64_t seed, uint32_t batch,
                            const std::optional<UpdateOptions>& update) {
    ++counts_.plain;
    step_.accumulate(input, seed, batch);
    if (update) step_.update(*update);
}

/// Until a batch finds all of its memory.
void StepGraph::rehearse(Recorded& recorded, const NetworkInput& input, uint64_t seed, uint32_t batch,
                         const std::optional<UpdateOptions>& update) {
    const PlannedMemory::Use use(*memory_);
    const Scratch& scratch = context(device_).scratch;
    const size_t requests = memory_->device_requests(), scratch_bytes = scratch.bytes_held();
    run_plainly(input, seed, batch, update);
    recorded.rehearsed = requests == memory_->device_requests() && scratch_bytes == scratch.bytes_held();
}

void StepGraph::capture(Recorded& recorded, const NetworkInput& input, uint64_t seed, uint32_t batch,
                        const std::optional<UpdateOptions>& update) {
    recorded.input = room_for(input);
    const TrainingStep::HostState before = step_.host_state();
    recorded.records = before.records;
    send(recorded, input, batch, update);
    try {
        const SettingsScope settings(device_, settings_);
        const PlannedMemory::Use use(*memory_);
        GraphCapture capture(device_);
        step_.accumulate(recorded.input, seed, batch);
        if (update) {
            UpdateOptions in_units = *update;
            in_units.learning_rate = 1.0;  // StepSettings has it
            step_.update(in_units);
        }
        recorded.graph.emplace(capture.end());
    } catch (const Error& error) {
        problem_ = error.what();
    }
    if (!problem_.empty()) {
        step_.restore(before);
        forget();
        return run_plainly(input, seed, batch, update);
    }
    const std::vector<double> after = step_.host_state().counters;
    for (size_t i = 0; i < after.size(); ++i) recorded.counted.push_back(after[i] - before.counters[i]);
    recorded.graph->launch();
    ++counts_.captured;
    counts_.kernels = recorded.graph->kernels();
}

void StepGraph::send(Recorded& recorded, const NetworkInput& input, uint32_t batch,
                     const std::optional<UpdateOptions>& update) {
    const StepScalars::Used now = step_.host_state().records;
    StepSettings settings{.lambda = input.lambda,
                          .random_step = batch,
                          .batch_record = static_cast<int32_t>(now.batches - recorded.records.batches),
                          .update_record = static_cast<int32_t>(now.updates - recorded.records.updates)};
    if (update) {
        settings.learning_rate = update->learning_rate;
        settings.momentum = momentum_of(step_, *update);
    }
    runtime(device_).copy_from_host(settings_.data(), &settings, sizeof(settings));
    copy_to(recorded.input.images, input.images);
    copy_to(recorded.input.labels, input.labels);
    copy_to(recorded.input.labels_b, input.labels_b);
}

}  // namespace vitrine
