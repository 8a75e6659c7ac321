// The folder of a run: recipe, settings, metrics, weights and checkpoints.
//
//     recipe.toml              the resolved recipe: what decides whether a later run goes on with this one
//     run.json                 what it came to: data, model, machine; how it ended
//     metrics.jsonl            a line an epoch, the same however often the run was interrupted
//     steps.jsonl              a line every few steps, too
//     watch.jsonl              a line for each step that was watched; none: no file
//     timing.jsonl             a line an epoch
//     validation.json          the mistakes of the epoch that is kept as best
//     last.safetensors         weights that PyTorch can load, and the best ones
//     best.safetensors
//     checkpoints/step-N.safetensors        all it takes to go on (checkpoint_store.h)
//     checkpoints/best-epoch-N.safetensors  the best weights that these checkpoints mean
//
// What is replaced is replaced whole. Where the disk is full, the run goes on: see each function. Nothing in
// the folder may be a link: what is read, written and removed is the run's own.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/nn/module.h"
#include "engine/safetensors.h"
#include "tools/train/checkpoint_store.h"
#include "tools/train/line_log.h"
#include "tools/train/progress.h"
#include "tools/train/reporter.h"
#include "tools/train/run_ending.h"

namespace vitrine::train {

/// What to do with a run that is in the folder already.
enum class Existing {
    resume,         // go on, if the recipe is the same
    allow_changes,  // go on with another recipe
    overwrite,      // replace it
};

/// The lines of the logs.
struct Logs {
    std::vector<std::string> metrics, timing;
};

class RunFolder {
  public:
    /// Of a folder that is there and in our hands (run_lock.h). Throws Error where one of its files is none
    /// (own_files.h). Nothing is changed but for what was being written when a run was killed.
    RunFolder(std::filesystem::path path, int64_t keep_checkpoints);

    const std::filesystem::path& path() const { return path_; }
    /// False once it was removed, or another folder has its name: nothing may be written there any more.
    bool is_still_there() const;

    /// The newest checkpoint that is whole, if there is one; the reporter hears of damaged ones.
    std::optional<StoredCheckpoint> newest_checkpoint(Reporter& reporter) const;
    /// recipe.toml, if it is there. Throws Error where it cannot be read.
    std::optional<std::string> recipe() const;
    /// Throws Error where they cannot be read.
    Logs logs() const;

    /// Makes room for a new run: removes all that is left of another.
    void clear();
    /// Writes recipe.toml and run.json, in which "started" stays that of the first time; how the run ended
    /// before goes. Throws Error.
    void write_settings(const std::string& recipe, Json settings) const;
    /// Adds to run.json how the run has ended. Nothing happens where the folder is not the run's any more.
    /// Throws Error.
    void write_ending(const RunEnding& ending) const;
    /// What there is to look at, as long as the folder is the run's. `kind` is of the weights.
    Results results(Weights kind) const;
    /// Makes the logs what they are after these epochs and so many steps. Throws Error.
    void set_logs(const std::vector<EpochMetrics>& epochs, const std::vector<EpochTiming>& timings,
                  int64_t steps);

    // These add lines; what cannot be written now is written later.
    void add_step(const Json& line);
    void add_watched(const Json& line);
    void add_epoch(const EpochMetrics& metrics, const EpochTiming& timing);

    /// Logs, then a checkpoint of `progress` (whose lengths of logs are set) and `make_state()`. False, after
    /// a notice, where it cannot be written; the one before it is then whole.
    bool save_checkpoint(Progress& progress, const std::string& recipe,
                         const std::function<SafeTensors()>& make_state, Reporter& reporter);

    /// Replaces last.safetensors, or the best one. False, after a notice, where they cannot be written.
    bool save_last(nn::Module& model, const std::map<std::string, std::string>& metadata, Reporter& reporter);
    bool save_best(nn::Module& model, int64_t epoch, const std::map<std::string, std::string>& metadata,
                   Reporter& reporter);
    /// Gives the model the best weights as they were after this epoch. Throws Error where they are gone.
    void load_best(nn::Module& model, int64_t epoch) const;
    /// Which weights should be here by now and are not, as after a full disk; empty: none.
    std::string missing_weights(const Progress& progress) const;

    void write_mistakes(const Json& mistakes, Reporter& reporter);

  private:
    std::filesystem::path best_of(int64_t epoch) const;
    void make_checkpoint_folder() const;
    /// Leaves a log of steps what it was after so many of them.
    static void cut(LineLog& log, int64_t steps);
    void remove_old_bests(const Progress& progress) const;
    /// Runs what writes; turns failure into a notice, once until something works again.
    bool try_to(const std::function<void()>& write, Reporter& reporter);

    std::filesystem::path path_;
    std::pair<dev_t, ino_t> identity_;  // of the folder that was found there
    CheckpointStore checkpoints_;
    LineLog metrics_, steps_, watched_, timing_;
    bool failing_ = false;
};

}  // namespace vitrine::train
