// A step that is looked at: what its layers and parameters come to, as a line of watch.jsonl.
//
//     const WatchedStep watched(step);     before the last batch of an update
//     step.accumulate(…); step.update(…);
//     folder.add_watched(watched.line(…));
//
// It only reads, so the step computes the same bits. A step that is not watched pays nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/pending.h"
#include "engine/step/step.h"
#include "engine/trace.h"
#include "tools/common/tensor_statistics.h"
#include "tools/train/metrics.h"

namespace vitrine::train {

class WatchedStep {
  public:
    /// Looks on from here until it looks away. `step` must outlive it.
    explicit WatchedStep(TrainingStep& step);
    /// Layers are those that ran until then.
    void look_away() { trace_.reset(); }

    /// After the update, which follows the mean of the gradients of so many batches:
    ///     {"step", "epoch",
    ///      "layers": {"features.0.0 dense_conv": [mean, deviation, zeros, saturated, dead channels, gradient norm], …},
    ///      "weights": {"features.0.0.weight": [norm of the value before, of the gradient, of the update], …},
    ///      "norms_and_biases": the same of scales, shifts and biases}
    /// A number that is not known, or not finite, is null. Four digits of each.
    Json line(int64_t step, double epoch, int64_t batches) const;

  private:
    struct Layer {
        std::string name;
        tools::TensorStatistics values;
        bool only_moments = false;  // of what a convolution left behind: zeros were not counted
        double gradient;            // norm; a NaN where there is none
    };

    void see(const OpEvent& event);
    void see_forward(const OpEvent& event);
    /// A convolution whose output is not written: its moments are there, and what it has read.
    void see_expansion(const OpEvent& event);
    /// What a convolution or a pool has read.
    void see_pending(const OpEvent& event);
    /// A normalised input, where this is its first reader.
    void see_read(const AffineTensor& normalised, Activation activation);
    void add(const std::string& name, const tools::TensorStatistics& values, bool only_moments);
    Json layers() const;
    Json parameters(bool norms_and_biases, int64_t batches) const;

    TrainingStep& step_;
    Tensor before_;  // all values, before the update
    std::vector<Layer> layers_;
    std::map<uint64_t, size_t> layer_of_op_;          // by the op's number
    std::map<const void*, std::string> normalising_;  // modules, by the scales that they left
    std::optional<Trace> trace_;
};

}  // namespace vitrine::train
