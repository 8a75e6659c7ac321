// What is known after an epoch: see metrics.h.

#include "tools/train/metrics.h"

namespace vitrine::train {

Json to_json(const EpochMetrics& metrics) {
    return {{"epoch", metrics.epoch},
            {"step", metrics.step},
            {"lr", metrics.learning_rate},
            {"train_loss", metrics.train_loss},
            {"train_accuracy", metrics.train_accuracy},
            {"val_loss", metrics.val_loss},
            {"val_accuracy", metrics.val_accuracy},
            {"val_top5", metrics.val_top5},
            {"images_per_second", metrics.images_per_second},
            {"data_seconds", metrics.data_seconds},
            {"step_seconds", metrics.step_seconds}};
}

bool Best::update(const EpochMetrics& metrics) {
    if (epoch_ && !(metrics.val_accuracy > epoch_->val_accuracy)) return false;
    epoch_ = metrics;
    return true;
}

}  // namespace vitrine::train
