// The phases and epochs of a run: training, validation, metrics and checkpoints, from wherever it was.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/identity.h"
#include "data/loader.h"
#include "engine/step/step.h"
#include "engine/step/step_graph.h"
#include "tools/common/input_maker.h"
#include "tools/common/input_stream.h"
#include "tools/common/loss_history.h"
#include "tools/common/run_program.h"
#include "tools/train/batch_dump.h"
#include "tools/train/class_weights.h"
#include "tools/train/evaluation.h"
#include "tools/train/phase_plan.h"
#include "tools/train/progress.h"
#include "tools/train/ranks.h"
#include "tools/train/reporter.h"
#include "tools/train/resumption.h"
#include "tools/train/run_folder.h"
#include "tools/train/stopwatch.h"
#include "tools/train/watched_step.h"

namespace vitrine::train {

/// A loss, a parameter or a statistic that is not finite any more: nothing that follows could be of use.
struct Diverged : tools::Failure {
    using tools::Failure::Failure;
};

/// The run's folder was removed or replaced: what goes on has no place.
struct FolderLost : tools::Failure {
    using tools::Failure::Failure;
};

/// What ends a run before its recipe does; a later run goes on from there.
struct Limits {
    std::optional<int64_t> steps;   // of the whole run
    std::optional<double> minutes;  // of this process
    /// At a stop a single batch of validation images is measured: the device is too slow for all of them.
    bool short_validation = false;
};

/// How a run ended.
struct RunResult {
    Best best;
    EndedBy by = EndedBy::last_epoch;
    int signal = 0;               // that came, or 0
    std::string missing_weights;  // that could not be written, in a sentence; empty: none
};

/// What a trainer works with. All references must outlive it.
struct TrainerContext {
    const recipe::Recipe& recipe;
    const RunPlan& plan;
    const Dataset& dataset;
    const ClassWeights& class_weights;  // those of the loss are the step's already
    const DatasetIdentity& identity;    // of the data, for the checkpoints
    nn::Module& model;
    TrainingStep& step;
    InputMaker& training_inputs;
    InputMaker& validation_inputs;
    RunFolder& folder;
    Reporter& reporter;
    /// Goes into the weights' files beside epoch, step and val_accuracy.
    std::map<std::string, std::string> metadata;
    BatchDump* dump;
    Ranks& ranks;  // each trains on its part of every batch
    /// Called after each epoch, when all files of the run are written.
    std::function<void(const EpochMetrics&, const EpochTiming&)> after_epoch;
};

class Trainer {
  public:
    Trainer(const TrainerContext& context, const Limits& limits);

    /// Goes on from there. Throws Error where the checkpoint is not of this recipe's
    /// model, or its scheduler is not where the recipe has it.
    void resume(const Resumption& resumption);
    bool finished() const { return progress_.phase() >= static_cast<int64_t>(context_.plan.phases.size()); }
    /// False, after a notice, if it could not be written.
    bool save_checkpoint();
    /// Of the step that comes next.
    optim::Hyperparameters setting() const { return scheduler_->setting(); }
    const Progress& progress() const { return progress_; }
    Weights judged_weights() const { return context_.step.average() ? Weights::averaged : Weights::plain; }
    /// Where the run is, after run() has thrown what this sentence says.
    RunFailure failure(const std::string& sentence) const;

    /// To the last phase's end, a limit or a signal. Throws Diverged, the checkpoints being then the last
    /// good ones, and FolderLost.
    RunResult run();

  private:
    /// An update that was asked of the device, and a batch, whose results nobody has read yet.
    struct UnreadUpdate {
        int64_t step;  // this one counted
        optim::Hyperparameters setting;
        bool logged;  // it has a line in steps.jsonl
    };
    struct Unread {
        int64_t samples = 0;
        int64_t batch = 0, steps_before = 0;  // progress_ as it was before
        optim::Hyperparameters setting_before;
        double data_seconds = 0.0, step_seconds = 0.0;
        Position position{};                   // after it
        std::optional<UnreadUpdate> update{};  // that ended with it
    };

    std::optional<optim::Ema>& average() const { return context_.step.average(); }
    const PhasePlan& phase() const { return context_.plan.phases[static_cast<size_t>(progress_.phase())]; }
    /// Sets the optimiser and the scheduler to the phase's.
    void enter_phase();
    /// Weights and momentum as the phase wants them, before its first step.
    void begin_phase();

    RunResult run_epochs();
    /// The rest of the epoch's batches, or fewer where the run ends before.
    Meter train_epoch();
    void train_batch(Meter& meter, double data_seconds);
    /// A checkpoint of it, where the next one cannot come to an end.
    void keep_last_step();
    /// Where a shard is among those of its batch.
    struct ShardPlace {
        int64_t number = 0;
        bool is_last = false;                           // of those that this process trains on
        std::optional<WatchedStep>* watched = nullptr;  // where the step is looked at: its first shard is
    };
    /// Runs the step that comes next on the batch's next shard, with the update where that is the step's last.
    void train_shard(const ShardPlace& place);
    /// All shards of this process, one after the other, or together where they have batch norm's statistics in common; the step is looked
    /// at where `watched` is not null.
    void train_in_turn(std::optional<WatchedStep>* watched);
    void train_together(std::optional<WatchedStep>* watched);
    /// What the network gets of the batch's next shard, which is written where batches are dumped.
    NetworkInput next_input(int64_t shard);
    /// Of the step that comes next: whether it ends with this batch.
    bool ends_step() const { return (progress_.batch + 1) % accumulate() == 0; }
    void give_up_graph();
    UpdateOptions next_update() const;
    /// The update that was just asked of the device.
    UnreadUpdate count_update();
    /// Whether watch.jsonl has a line of the step that comes next.
    bool watches_next_step() const;
    /// Whether the step that comes next has a line in steps.jsonl.
    bool logs_next_step() const;
    /// What the steps since the last reading came to: waits for the device.
    void read_steps(Meter& meter);
    void log_step(const UnreadUpdate& update, double gradient_norm);
    EndedBy ended_by() const;
    /// Validates after the epoch and writes metrics and checkpoints. False if a signal came in between.
    bool finish_epoch(const Meter& meter);
    EpochMetrics measure(ConfusionStatistics& mistakes);
    /// By its number of epochs, or by early stopping.
    bool phase_is_over() const;
    void next_phase_if_done(const EpochMetrics& metrics);

    int64_t accumulate() const { return context_.recipe.training.accumulate; }
    bool at_step_end() const { return progress_.batch % accumulate() == 0; }
    double epoch_of(int64_t step) const;
    /// Asked by all processes after the same steps, and the answer is the same in all of them.
    bool must_stop();
    /// Whether one of the processes was interrupted; where one was, so is the run.
    bool is_interrupted();
    void stop(const Meter& meter);
    /// After a stop, with the weights that are kept.
    void measure_stopped();
    void say_stopped() const;
    bool checkpoint_due() const;
    bool save_weights(const EpochMetrics& metrics, bool best);

    Position position() const;
    LoaderOptions loader_options(const BatchShare& share) const;
    /// The shards of a batch that this process trains on.
    BatchShare own_share() const {
        return {context_.step.first_shard(), context_.step.shards_here(), shards()};
    }
    int64_t shards() const { return context_.recipe.training.shards; }
    /// One of the next batch's shards, counted over the whole run.
    int64_t shard_number(int64_t shard) const;
    std::map<std::string, std::string> metadata() const;
    void require_folder() const;
    [[noreturn]] void explain_loss(const Unread& failed);
    /// Throws Diverged: what is wrong, what the loss did before, and what may help.
    [[noreturn]] void diverge(const std::string& what) const;
    /// Throws Diverged if one of them is not finite.
    void check_parameters(const std::vector<nn::NamedParameter>& parameters) const;

    TrainerContext context_;
    std::optional<StepGraph> graph_{};  // where the recipe asks for it, and it is of use
    Limits limits_;
    Progress progress_;
    std::optional<optim::PhaseScheduler> scheduler_;
    Loader loader_;
    tools::InputStream inputs_;
    std::vector<Unread> unread_;
    tools::LossHistory losses_;        // of the steps of this process
    int signal_ = 0;                   // that interrupts the run
    bool in_step_ = false;             // which is not counted in progress_ yet
    double validation_seconds_ = 0.0;  // of the last epoch
    double checkpoint_seconds_ = 0.0;  // since the last epoch
    Stopwatch since_start_, since_checkpoint_, since_read_;
};

}  // namespace vitrine::train
