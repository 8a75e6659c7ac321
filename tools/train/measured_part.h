// Which images --eval-only measures.
#pragma once

#include <optional>
#include <string>

#include "data/dataset.h"
#include "tools/train/options.h"
#include "tools/train/reporter.h"
#include "tools/train/trained_on.h"

namespace vitrine::train {

/// The images of --split, which by default are the validation images: those that the run of the model held
/// out, where these are its data; those of the data's own validation folder or file; those that --validation
/// holds out. Of a folder that has none of these, all images. `dataset` must be loaded without holding out
/// what was not asked for. Notices say which part it is and how many of its images the model was trained on.
/// Throws Error where there is no such part, or where images of the run's part are no longer there.
ImageSet measured_part(const Options& options, const std::optional<TrainedOn>& memory, const Dataset& dataset,
                       Reporter& reporter);

}  // namespace vitrine::train
