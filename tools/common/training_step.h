// One step of training: images in, parameters updated, loss and predictions out. What train runs and bench
// times.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/nn/module.h"
#include "engine/optim/sgd.h"

namespace vitrine::tools {

/// Of the pixels of the data, each channel in 0 … 1: the network sees (pixel / 255 − mean) / deviation.
struct Normalization {
    std::array<double, 3> mean{0.5, 0.5, 0.5};
    std::array<double, 3> deviation{0.5, 0.5, 0.5};
};

/// A batch on the host.
struct HostBatch {
    std::span<const uint8_t> images;  // [count, size, size, 3]
    std::span<const int32_t> labels;  // [count]
    int64_t image_size = 0;
};

struct StepOutput {
    double loss = 0.0;          // mean of the batch
    std::vector<float> logits;  // [count, classes]
};

class TrainingStep {
  public:
    TrainingStep(nn::Module& model, Placement placement, const Normalization& normalization,
                 const optim::SgdOptions& options, double label_smoothing);

    /// Forward, backward, update. `step` counts from 0 over the whole run and decides dropout's masks with
    /// the seed. The update is left out if the loss is not finite.
    StepOutput train(const HostBatch& batch, double learning_rate, uint64_t seed, uint32_t step);
    /// Forward alone, in evaluation mode, without label smoothing.
    StepOutput evaluate(const HostBatch& batch);

    /// Of images [count, image_size, image_size, 3], in evaluation mode: [count, classes].
    std::vector<float> logits(std::span<const uint8_t> images, int64_t count, int64_t image_size);
    /// The forward pass of train() once more, for a Trace to look on: no gradients, no update. Batch norm's
    /// running statistics move again.
    void repeat_forward(const HostBatch& batch, uint64_t seed, uint32_t step);

    optim::Sgd& optimiser() { return optimiser_; }

  private:
    struct Inputs {
        Tensor images, labels;
    };
    Tensor upload(std::span<const uint8_t> images, int64_t count, int64_t image_size) const;
    Inputs upload(const HostBatch& batch) const;

    nn::Module& model_;
    Placement placement_;
    Normalization normalization_;
    optim::Sgd optimiser_;
    double label_smoothing_;
};

}  // namespace vitrine::tools
