// What classes count for in a run: a recipe's words and the training images together.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "tools/recipe/recipe.h"

namespace vitrine::train {

/// Of each class; empty: all are alike.
struct ClassWeights {
    std::vector<double> loss;      // what an image of it counts for
    std::vector<double> sampling;  // how likely an image of it is drawn
};

/// "balanced" is images / (classes · images of the class), as in scikit-learn; 0 for a class without images. Throws
/// Error where a table's classes are not those of the data, or no class that has images has any weight.
ClassWeights class_weights_of(const recipe::TrainingSettings& training, const Dataset& dataset);

/// Training images of each class.
std::vector<int64_t> images_of_classes(const Dataset& dataset);

/// A line of a run's beginning for each that is not alike: its heading and what it says.
std::vector<std::pair<std::string, std::string>> describe(const ClassWeights& weights,
                                                          const Dataset& dataset);

}  // namespace vitrine::train
