// The folder of a run: recipe, settings, metrics, weights and checkpoints.
//
//     recipe.toml              the resolved recipe: what decides whether a later run goes on with this one
//     run.json                 what it came to: data, model, machine
//     metrics.jsonl            a line an epoch, the same however often the run was interrupted
//     steps.jsonl              a line every few steps, too
//     timing.jsonl             a line an epoch
//     validation.json          the last epoch's mistakes
//     last.safetensors         weights that PyTorch can load, and the best ones
//     best.safetensors
//     checkpoints/step-N.safetensors        all it takes to go on (checkpoint_store.h)
//     checkpoints/best-epoch-N.safetensors  the best weights that these checkpoints mean
//
// What is replaced is replaced whole. Where the disk is full, the run goes on: see each function.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "engine/nn/module.h"
#include "engine/safetensors.h"
#include "tools/train/checkpoint_store.h"
#include "tools/train/line_log.h"
#include "tools/train/progress.h"
#include "tools/train/reporter.h"

namespace vitrine::train {

/// What to do with a run that is in the folder already.
enum class Existing {
    resume,         // go on, if the recipe is the same
    allow_changes,  // go on with another recipe
    overwrite,      // replace it
};

/// Throws Error if a run of this recipe cannot be put there, or cannot go on there, without changing
/// anything: it holds a run of another recipe (the differences are named), or files of none.
void check_run_folder(const std::filesystem::path& path, Existing existing, const std::string& recipe);

class RunFolder {
  public:
    /// Creates the folder, or empties it with Existing::overwrite, and writes recipe.toml. Throws Error.
    RunFolder(std::filesystem::path path, Existing existing, const std::string& recipe,
              int64_t keep_checkpoints);

    const std::filesystem::path& path() const { return path_; }

    /// run.json; "started" stays that of the first time.
    void write_settings(Json settings) const;

    /// The newest checkpoint that is whole, if there is one; the reporter hears of damaged ones.
    std::optional<SafeTensors> newest_checkpoint(Reporter& reporter) const;
    /// Makes the logs what they were when this was written.
    void cut_logs(const Progress& progress);

    // These add lines; what cannot be written now is written later.
    void add_step(const Json& line);
    void add_epoch(const EpochMetrics& metrics, const EpochTiming& timing);

    /// Logs, then a checkpoint of `progress` (whose lengths of logs are set) and `make_state()`. False, after
    /// a notice, where it cannot be written; the one before it is then whole.
    bool save_checkpoint(Progress& progress, const std::function<SafeTensors()>& make_state,
                         Reporter& reporter);

    /// Replaces last.safetensors, or the best one. Where they cannot be written, a notice says so.
    void save_last(nn::Module& model, const std::map<std::string, std::string>& metadata, Reporter& reporter);
    void save_best(nn::Module& model, int64_t epoch, const std::map<std::string, std::string>& metadata,
                   Reporter& reporter);
    /// Gives the model the best weights as they were after this epoch. Throws Error where they are gone.
    void load_best(nn::Module& model, int64_t epoch) const;

    void write_mistakes(const Json& mistakes, Reporter& reporter);

  private:
    std::filesystem::path best_file(int64_t epoch) const;
    void remove_old_bests(const Progress& progress) const;
    /// Runs what writes; turns failure into a notice, once until something works again.
    bool try_to(const std::function<void()>& write, Reporter& reporter);

    std::filesystem::path path_;
    CheckpointStore checkpoints_;
    LineLog metrics_, steps_, timing_;
    bool failing_ = false;
};

}  // namespace vitrine::train
