// Everything that is settled before the first step of a run.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"
#include "data/loader.h"
#include "tools/common/device_choice.h"
#include "tools/common/input_maker.h"
#include "tools/common/model_file.h"
#include "tools/train/class_weights.h"
#include "tools/train/options.h"
#include "tools/train/reporter.h"

namespace vitrine::train {

/// Device and forced implementations, as the options want them.
tools::DeviceChoice set_up_machine(const Options& options);

/// The data set, at `image_size` (0: its own size, or what the model makes of it: see --image-size). Skipped
/// files and notices go to the reporter. Throws Error also where it cannot be used to measure or train a
/// model.
Dataset load_data(const Options& options, Reporter& reporter);

/// Its two halves: loading alone, and what there is to say of the data, for training of these settings; null:
/// nothing is trained.
Dataset read_data(const Options& options, const Keeping& keeping, Reporter& reporter);
/// What a run knows of how its images were kept (Dataset::keeping, or squares of this size; any other size is the data's
/// own).
Keeping kept_as(const Keeping& own_sizes, int64_t height, int64_t width);
/// As the recipe has it.
Keeping keeping_of(const recipe::DataSettings& data);
void report_data(const Dataset& dataset, const recipe::TrainingSettings* training, Reporter& reporter);

/// The batches of the recipe's epochs. An incomplete last one is left out, unless there is no other.
LoaderOptions training_loader(const recipe::Recipe& recipe, const ImageSet& set, const ClassWeights& weights,
                              const InputMaker& inputs, const BatchShare& share = {});

/// The recipe's pipelines; where it does not say how to normalise, by the data's own mean and deviation.
Transforms transforms_for(const recipe::Recipe& recipe, const Dataset& dataset);

/// A model for these data, which `preparation` makes images of `image_size` pixels.
tools::ModelDescription describe_model(const recipe::Recipe& recipe, const Dataset& dataset,
                                       const EvalTransform& preparation, int64_t image_size);

/// What a checkpoint says about itself. The options fill in for a file that says nothing. Throws Error where
/// they contradict it.
tools::ModelDescription describe_checkpoint(const Options& options, const SafeTensors& file);

/// The means of the data, for files that do not say what they were trained with.
ChannelNormalization normalization_of(const Dataset& dataset);

}  // namespace vitrine::train
