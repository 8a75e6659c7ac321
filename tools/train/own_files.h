// The files of a run's folder by their names, and what may stand there under these names.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace vitrine::train {

inline constexpr const char* recipe_file = "recipe.toml";
inline constexpr const char* settings_file = "run.json";
inline constexpr const char* metrics_file = "metrics.jsonl";
inline constexpr const char* steps_file = "steps.jsonl";
inline constexpr const char* watch_file = "watch.jsonl";
inline constexpr const char* timing_file = "timing.jsonl";
inline constexpr const char* mistakes_file = "validation.json";
inline constexpr const char* last_file = "last.safetensors";
inline constexpr const char* best_file = "best.safetensors";
inline constexpr const char* report_file = "report.html";
inline constexpr const char* preview_file = "preview.png";
inline constexpr const char* checkpoint_folder = "checkpoints";
inline constexpr const char* batch_folder = "batches";  // what --dump-batches writes
inline constexpr const char* batch_weights_file = "weights.safetensors";

/// A run never leaves its folder. The folder itself may be a link; what has the name of one of the run's
/// files in it must be a file, and no link. Throws Error naming what is something else. Nothing is changed.
void check_own_files(const std::filesystem::path& folder);

/// The name of a file that nothing but training can have made: logs, weights, checkpoints.
std::optional<std::string> trace_of_training(const std::filesystem::path& folder);

/// Removes all that a run has left, the recipe last: what is interrupted here can be done again.
void remove_own_files(const std::filesystem::path& folder);
/// Removes what was being written when a run was killed.
void remove_temporary_files(const std::filesystem::path& folder);

}  // namespace vitrine::train
