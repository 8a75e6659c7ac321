// Everything that is settled before the first step of a run.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"
#include "tools/common/device_choice.h"
#include "tools/common/model_file.h"
#include "tools/train/options.h"
#include "tools/train/reporter.h"

namespace vitrine::train {

/// Threads, device and forced implementations, as the options want them.
tools::DeviceChoice set_up_machine(const Options& options);

/// The data set, at `image_size` (0: its own size, or what the model makes of it: see --image-size). Skipped
/// files and notices go to the reporter. Throws Error also where it cannot be used to measure or train a
/// model.
Dataset load_data(const Options& options, int64_t image_size, Reporter& reporter);

/// A model for these data.
tools::ModelDescription describe_model(const Options& options, const Dataset& dataset);

/// What a checkpoint says about itself. The options fill in for a file that says nothing. Throws Error where
/// they contradict it.
tools::ModelDescription describe_checkpoint(const Options& options, const SafeTensors& file);

/// The means of the data, for files that do not say what they were trained with.
tools::Normalization normalization_of(const Dataset& dataset);

}  // namespace vitrine::train
