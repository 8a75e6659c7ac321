// The images to classify: from the command line's paths to pixels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/image.h"
#include "data/image_set.h"
#include "data/keeping.h"
#include "data/tables/answer_table.h"
#include "tools/predict/options.h"

namespace vitrine::predict {

/// The images that the paths name, and what was left out as damaged or listed already (data/file_listing.h).
struct Inputs {
    std::vector<std::filesystem::path> images;
    std::vector<SkippedFile> skipped;
    std::optional<AnswerTable> table;  // whose images they are
    std::optional<AnswerStyle> style;  // of the training table beside them, where there is no such table
};

/// A file stands for itself, a folder for the images in it and below it, listed as training lists a class, a
/// table for the images that its rows name. For --csv a single folder's table of images to be predicted is looked
/// for, with a column for each of `classes` or one for all, and stands for the folder then.
/// Throws Error for a path that does not exist and a folder without images, and where a table's rows and its
/// images do not meet.
Inputs find_images(const Options& options, const std::vector<std::string>& classes);

/// Some images, decoded and kept as a data set's are.
struct Decoded {
    std::vector<std::filesystem::path> paths;  // of those that could be decoded
    ImageSet images;                           // theirs; the labels are 0
    std::vector<std::string> failures;         // one sentence for each of the others
    int64_t oriented = 0;                      // images that have an EXIF orientation
};

Decoded decode(std::span<const std::filesystem::path> paths, const Keeping& keeping, Turning turning,
               int threads);

}  // namespace vitrine::predict
