// A run that begins with weights from a file: --init.
#pragma once

#include <string>

#include "engine/nn/module.h"
#include "tools/common/model_file.h"
#include "tools/train/reporter.h"

namespace vitrine::train {

/// Puts the file's weights into the model, but for a head that the file has in another size, for other classes or not at
/// all, which keeps its first values; says so, and what was done to read the file. A batch norm's counter that is not there
/// is 0. Throws Error where anything else is missing, left over or of another shape, after a notice for each, or where a
/// value is none that its parameter can have; the model is then unchanged.
void load_initial_weights(nn::Module& model, const tools::ModelDescription& description,
                          const std::string& path, Reporter& reporter);

}  // namespace vitrine::train
