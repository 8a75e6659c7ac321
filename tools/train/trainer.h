// The epochs of a run: training, validation, metrics and checkpoints.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

#include "data/dataset.h"
#include "data/loader.h"
#include "engine/optim/schedule.h"
#include "tools/common/model_file.h"
#include "tools/common/scores.h"
#include "tools/common/training_step.h"
#include "tools/train/reporter.h"
#include "tools/train/run_folder.h"

namespace vitrine::train {

/// A loss, a parameter or a statistic that is not finite any more: nothing that follows could be of use.
struct Diverged : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct TrainerOptions {
    optim::Schedule schedule;  // its total_steps is the length of the run
    int64_t epochs = 1;
    int64_t batch_size = 128;  // of validation too
    uint64_t seed = 0;
};

/// How a run ended.
struct Ending {
    Best best;
    int signal = 0;  // that ended it, or 0
};

/// The validation set in its order, without augmentation. An interruption ends it early: see interrupt.h.
tools::Scores evaluate(tools::TrainingStep& step, const ImageSet& set, int64_t batch_size,
                       Reporter& reporter);

class Trainer {
  public:
    /// All references must outlive the trainer. `metadata` goes into the checkpoints beside epoch, step and
    /// val_accuracy.
    Trainer(nn::Module& model, tools::TrainingStep& step, const Dataset& dataset,
            const TrainerOptions& options, const std::map<std::string, std::string>& metadata,
            const RunFolder& folder, Reporter& reporter);

    /// To the last epoch, the last step or a signal. Throws Diverged; the checkpoints are then the last good
    /// ones.
    Ending run();

  private:
    /// Trains on one epoch's batches, or fewer where the run ends before.
    Meter train_epoch(int64_t epoch);
    /// Validates after the epoch and writes metrics and checkpoints. False if a signal came in between.
    bool finish_epoch(int64_t epoch, const Meter& meter);
    void save_interrupted();

    bool ended() const;
    Position position(int64_t epoch, const Meter& meter) const;
    std::map<std::string, std::string> metadata() const;
    [[noreturn]] void explain_loss(const tools::HostBatch& batch) const;
    /// Throws Diverged if one of them is not finite.
    void check_parameters(const std::vector<nn::NamedParameter>& parameters) const;

    nn::Module& model_;
    tools::TrainingStep& step_;
    const Dataset& dataset_;
    TrainerOptions options_;
    std::map<std::string, std::string> metadata_;
    const RunFolder& folder_;
    Reporter& reporter_;

    Loader loader_;
    Best best_;
    int64_t steps_done_ = 0, epochs_done_ = 0;
    double learning_rate_ = 0.0;       // of the last step
    double validation_seconds_ = 0.0;  // of the last epoch
};

}  // namespace vitrine::train
