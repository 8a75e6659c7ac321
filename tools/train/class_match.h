// The classes of a model that is there already, and those of the data that it is given.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "tools/common/model_file.h"

namespace vitrine::train {

/// Numbers the classes of the data as the model does, if they are the same.
void number_classes(Dataset& dataset, const std::vector<std::string>& as_in_file);

/// Throws Error naming `source` where labels of the data would mean other classes to the model. `names_known`: the model's
/// file says what its classes are called.
void check_classes(const tools::ModelDescription& description, const Dataset& dataset,
                   const std::string& source, bool names_known);

}  // namespace vitrine::train
