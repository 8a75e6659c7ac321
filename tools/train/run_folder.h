// The folder of a run: settings, metrics and weights.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "engine/nn/module.h"
#include "tools/train/metrics.h"

namespace vitrine::train {

/// Throws Error if a run cannot be put there, without changing anything: the path is no folder, it or the
/// folder that would hold it cannot be written, or it holds a run and `overwrite` is not set.
void check_run_folder(const std::filesystem::path& path, bool overwrite);

/// runs/MODEL-DATE-TIME, with a number behind it if that exists.
std::filesystem::path new_run_folder(const std::string& model);

class RunFolder {
  public:
    /// Creates the folder, removes an old run's files with `overwrite`, and writes run.json. Throws Error.
    RunFolder(std::filesystem::path path, bool overwrite, const Json& settings);

    const std::filesystem::path& path() const { return path_; }

    /// Adds a line to metrics.jsonl.
    void append(const EpochMetrics& metrics) const;
    /// Replaces last.safetensors (and best.safetensors): each is whole at any moment.
    void save_last(nn::Module& model, const std::map<std::string, std::string>& metadata) const;
    void save_best(nn::Module& model, const std::map<std::string, std::string>& metadata) const;

  private:
    std::filesystem::path path_;
};

}  // namespace vitrine::train
