// What is known after an epoch: a line of metrics.jsonl.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

namespace vitrine::train {

using Json = nlohmann::ordered_json;

struct EpochMetrics {
    int64_t epoch = 0;           // counted from 1
    int64_t step = 0;            // of the whole run, done so far
    double learning_rate = 0.0;  // of the last step
    double train_loss = 0.0;     // means over the images of the epoch, while the weights moved
    double train_accuracy = 0.0;
    double val_loss = 0.0;  // after the epoch, without label smoothing
    double val_accuracy = 0.0;
    double val_top5 = 0.0;
    double images_per_second = 0.0;  // of training
    double data_seconds = 0.0;       // spent waiting for batches
    double step_seconds = 0.0;       // spent in steps
};

/// With the keys of metrics.jsonl, in its order.
Json to_json(const EpochMetrics& metrics);

/// The epoch with the highest validation accuracy so far, the first of equals.
class Best {
  public:
    /// True if this epoch is the new best.
    bool update(const EpochMetrics& metrics);
    const std::optional<EpochMetrics>& epoch() const { return epoch_; }

  private:
    std::optional<EpochMetrics> epoch_;
};

}  // namespace vitrine::train
