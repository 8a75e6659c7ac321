// One implementation of an op in the race of bench op.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lab/common/forcing.h"
#include "lab/common/layer_timer.h"

namespace vitrine::tools {

/// A kernel to time.
struct Target {
    std::string kernel;  // "depthwise_conv_backward"
    Pass pass;
};

/// The names of all implementations of a kernel, or of the one that is forced.
std::vector<std::string> implementations_of(Device device, const std::string& kernel);

/// Runs a workload with one implementation forced for those targets that have it.
class Candidate {
  public:
    Candidate(std::string implementation, const std::vector<Target>& targets, LayerTimer& timer,
              Device device);

    const std::string& implementation() const { return implementation_; }
    bool offers(const Target& target) const;
    /// Of the steps that were measured.
    const std::vector<StepTimes>& steps() const { return steps_; }
    /// Why it does not run a shape; empty if it does.
    std::string refusal(const std::string& shape, Pass pass) const;

    /// One step that does not count, again and again until every refusal has shown itself: a shape that is
    /// refused is left to the usual implementation from then on.
    void warm_up();
    void measure() { steps_.push_back(run_step()); }

  private:
    StepTimes run_step();
    void prepare(size_t layer, Pass pass);
    void note(const LayerRefusal& refusal);
    std::string without_name(const std::string& reasons) const;

    std::string implementation_;
    LayerTimer& timer_;
    std::vector<Target> targets_;
    std::vector<std::unique_ptr<ScopedForce>> forces_;  // of each target
    std::map<std::pair<std::string, Pass>, std::string> refusals_;
    std::vector<StepTimes> steps_;
};

}  // namespace vitrine::tools
