// One step of training: images in, parameters updated, loss and predictions out. What train runs and bench
// times.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/input_maker.h"
#include "engine/nn/module.h"
#include "engine/optim/sgd.h"

namespace vitrine::tools {

/// A batch on the host, for what has no data set.
struct HostBatch {
    std::span<const uint8_t> images;  // [count, size, size, 3]
    std::span<const int32_t> labels;  // [count]
    int64_t image_size = 0;
};

/// Puts it on a device and normalises it.
NetworkInput upload(const HostBatch& batch, const ChannelNormalization& normalization, Placement placement);

struct StepOutput {
    double loss = 0.0;          // mean of the batch
    std::vector<float> logits;  // [count, classes]
};

class TrainingStep {
  public:
    TrainingStep(nn::Module& model, const optim::SgdOptions& options, double label_smoothing);

    /// Forward and backward: adds to the optimiser's gradients, unless the loss is not finite. `batch` counts
    /// from 0 over the whole run and decides dropout's masks with the seed.
    StepOutput backward(const NetworkInput& input, uint64_t seed, uint32_t batch);
    /// A whole step of one batch: new gradients, backward, update. The update is left out if the loss is not
    /// finite.
    StepOutput train(const NetworkInput& input, double learning_rate, uint64_t seed, uint32_t batch);
    /// Forward alone, in evaluation mode, without label smoothing.
    StepOutput evaluate(const NetworkInput& input);

    /// Of normalised images [count, height, width, 3], in evaluation mode: [count, classes].
    std::vector<float> logits(const Tensor& images);
    /// The forward pass of backward() once more, for a Trace to look on: no gradients. Batch norm's running
    /// statistics move again.
    void repeat_forward(const NetworkInput& input, uint64_t seed, uint32_t batch);

    optim::Sgd& optimiser() { return optimiser_; }

  private:
    Tensor loss_of(const Tensor& logits, const NetworkInput& input) const;

    nn::Module& model_;
    optim::Sgd optimiser_;
    double label_smoothing_;
};

}  // namespace vitrine::tools
