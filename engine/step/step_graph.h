// Steps of training that the host asks for with one launch: a step is recorded as a graph of the device
// (kernels/graph.h), and run again for every batch of its kind.
//
//     the first steps of a kind     kernel by kernel, in memory that is planned for the graph
//     the next one                  is recorded, and the graph launched
//     every other                   batch and StepSettings go to where the graph finds them, and it is launched
//
// A kind is everything that decides which kernels run, and with which arguments: another shape of the batch, other frozen
// parameters, a logged norm are another kind, with a graph of its own. What changes from step to step is in the
// device's memory (kernels/step_settings.h). The result is that of TrainingStep alone, to the bit.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/memory.h"
#include "engine/step/step.h"
#include "kernels/context.h"
#include "kernels/graph.h"

namespace vitrine {

class StepGraph {
  public:
    /// The step must outlive it.
    explicit StepGraph(TrainingStep& step);
    ~StepGraph();
    StepGraph(const StepGraph&) = delete;
    StepGraph& operator=(const StepGraph&) = delete;

    /// TrainingStep::accumulate, and update where there are options for it. A Trace or CallObserver sees nothing of a
    /// batch that runs as a graph: who looks on calls the step itself.
    void run(const NetworkInput& input, uint64_t seed, uint32_t batch,
             const std::optional<UpdateOptions>& update);

    /// Why batches run kernel by kernel: a sentence; empty where they do not.
    const std::string& problem() const { return problem_; }

    struct Counts {
        int64_t plain = 0, captured = 0, replayed = 0;  // batches; a captured one ran as a graph, too
        uint64_t kernels = 0;                           // of the last graph
    };
    const Counts& counts() const { return counts_; }

    /// Forgets all graphs, and their memory goes to other uses: of a phase that has ended.
    void forget();

  private:
    struct Kind;
    struct Recorded;

    Kind kind_of(const NetworkInput& input, uint64_t seed, const std::optional<UpdateOptions>& update);
    Recorded& recorded(const Kind& kind);
    NetworkInput room_for(const NetworkInput& input) const;
    void run_plainly(const NetworkInput& input, uint64_t seed, uint32_t batch,
                     const std::optional<UpdateOptions>& update);
    void rehearse(Recorded& recorded, const NetworkInput& input, uint64_t seed, uint32_t batch,
                  const std::optional<UpdateOptions>& update);
    void capture(Recorded& recorded, const NetworkInput& input, uint64_t seed, uint32_t batch,
                 const std::optional<UpdateOptions>& update);
    void send(Recorded& recorded, const NetworkInput& input, uint32_t batch,
              const std::optional<UpdateOptions>& update);
    void use_own_memory();

    TrainingStep& step_;
    Device device_;
    std::string problem_;
    Counts counts_;
    std::unique_ptr<PlannedMemory> memory_;
    std::unique_ptr<Scratch::Kept> scratch_;
    Tensor settings_;            // the bytes of a StepSettings
    std::list<Recorded> kinds_;  // the oldest first
};

}  // namespace vitrine
