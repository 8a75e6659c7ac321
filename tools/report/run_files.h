// What a run has left in its folder, as far as it is there and can be read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "tools/report/watched.h"

namespace vitrine::report {

/// A line of steps.jsonl: what a curve is drawn of, not a number where the line says nothing of it.
struct StepFigures {
    static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
    double step = 0.0, epoch = unknown;
    double loss = unknown, learning_rate = unknown, momentum = unknown, gradient_norm = unknown;
};

/// A run may still be going, may have been killed in the middle of a line, or may be older than a file: what
/// is absent is empty here, and what is damaged, or larger than a run could have made it, is left out and
/// named in `unreadable`.
struct RunFiles {
    std::string name;                     // of the folder
    Json run;                             // run.json
    std::string recipe;                   // recipe.toml
    std::vector<Json> epochs;             // metrics.jsonl, by rising epoch
    std::vector<StepFigures> steps;       // steps.jsonl, by rising step
    Watched watched;                      // watch.jsonl
    std::vector<Json> timing;             // timing.jsonl, by rising epoch
    Json validation;                      // validation.json
    std::string preview;                  // preview.png
    int64_t last_written = 0;             // when the newest of these files was: seconds since 1970
    std::vector<std::string> unreadable;  // "metrics.jsonl, line 7"
};

/// Throws Error where `folder` is no folder, holds neither run.json nor metrics.jsonl, or nothing that can be
/// read.
RunFiles read_run(const std::filesystem::path& folder);

struct RunList {
    std::vector<std::filesystem::path> folders;
    std::vector<RunFiles> runs;         // of these
    std::vector<std::string> left_out;  // why each of the others was: sentences
};

/// The runs among `folders`, each of them once. Runs in folders of the same name are called by their paths.
RunList read_runs(const std::vector<std::filesystem::path>& folders);

}  // namespace vitrine::report
