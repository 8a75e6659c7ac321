// What is known after an epoch: a line of metrics.jsonl, and one of timing.jsonl.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace vitrine::train {

using Json = nlohmann::ordered_json;

/// Which of a model's weights: those of the last step, or averaged over the steps (ema_decay). Where there
/// are averaged ones, these are judged, named best and kept.
enum class Weights { plain, averaged };

/// "plain", "averaged"
std::string name_of(Weights weights);

/// Of the validation images, without label smoothing.
struct ValidationMetrics {
    double loss = 0.0, accuracy = 0.0, top5 = 0.0;
    /// Mean over the classes of their recalls: each class counts alike, however many images it has. Of the
    /// weights that are judged.
    std::optional<double> balanced_accuracy = {};
};

/// Of each class by the judged weights; a NaN, in JSON null, where nothing was predicted (precision) or the class has
/// no validation image (recall).
struct ClassScores {
    std::vector<double> precision, recall;
};

/// What an epoch has come to. The same for every run of the recipe, interrupted or not, on the same kind of
/// machine.
struct EpochMetrics {
    int64_t epoch = 0;  // counted from 1
    std::string phase;
    int64_t step = 0;            // updates of the whole run, done so far
    double learning_rate = 0.0;  // of the last step
    double momentum = 0.0;
    double train_loss = 0.0;  // means over the images of the epoch, while the weights moved
    double train_accuracy = 0.0;
    ValidationMetrics val;
    std::optional<ValidationMetrics> ema_val;  // of the averaged weights, where there are some
    ClassScores classes = {};                  // of the validation images; empty: not known
    bool ends_run = false;                     // the last one: of those planned, or by early stopping

    /// What epochs are compared by.
    const ValidationMetrics& judged() const { return ema_val ? *ema_val : val; }
    Weights judged_weights() const { return ema_val ? Weights::averaged : Weights::plain; }
};

/// What an epoch took, in seconds. Another machine, or another hour, gives other numbers.
struct EpochTiming {
    int64_t epoch = 0;
    double images_per_second = 0.0;  // of training
    double data_seconds = 0.0;       // waiting for batches
    double step_seconds = 0.0;       // in steps
    double validation_seconds = 0.0;
    double checkpoint_seconds = 0.0;  // since the epoch before
    double ended = 0.0;               // when: seconds since 1970
    /// Of a run of several processes: the seconds that one of them has waited for the others while it trained, in the mean;
    /// and the one that waited least, for which the others do.
    double waiting_seconds = 0.0;
    std::optional<int64_t> slowest_process{};
};

/// With the keys of metrics.jsonl and timing.jsonl, in their order.
Json to_json(const EpochMetrics& metrics);
Json to_json(const EpochTiming& timing);
/// These throw Error or nlohmann's exceptions for what to_json did not write.
EpochMetrics metrics_from_json(const Json& json);
EpochTiming timing_from_json(const Json& json);

/// The epoch with the highest judged accuracy so far, the first of equals.
class Best {
  public:
    Best() = default;
    explicit Best(EpochMetrics epoch) : epoch_(std::move(epoch)) {}

    /// True if this epoch is the new best.
    bool update(const EpochMetrics& metrics);
    const std::optional<EpochMetrics>& epoch() const { return epoch_; }

  private:
    std::optional<EpochMetrics> epoch_;
};

}  // namespace vitrine::train
