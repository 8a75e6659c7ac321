// Where a run's files must not go: among the images that it is trained on.
#pragma once

#include <filesystem>

namespace vitrine::train {

/// Throws Error where `out` is a folder of the data that holds images, or lies in one: what is written there,
/// a preview to begin with, would be an image of the next run.
void refuse_among_images(const std::filesystem::path& out, const std::filesystem::path& data);

/// The same, and where `out` is the data's folder itself or one of class folders in it: the run's own folders
/// would be classes. A folder beside these is allowed: `train --data .` writes into ./runs.
void refuse_as_data(const std::filesystem::path& out, const std::filesystem::path& data);

}  // namespace vitrine::train
