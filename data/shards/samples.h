// Samples of archives as WebDataset writes them: files of one key, which is their name up to the first dot.
//
//     0001.jpg 0001.cls 0002.jpg 0002.cls …      the class by its number or name, in a .cls
//     0001.png 0001.json …                       or in a .json under "label", "cls", "class", …
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/cache.h"
#include "data/dataset.h"

namespace vitrine {

struct Sample {
    ImageFile image;  // in the archive; its path is ARCHIVE/NAME
    std::string label;
};

struct ShardSamples {
    std::vector<Sample> samples;       // in the archive's order
    std::vector<SkippedFile> skipped;  // files of no sample
};

/// The samples of one archive, whose path is `shard` from the root. Throws Error as list_tar does, and for
/// images without a class, classes without an image, a class that is empty or cannot be read, and a file that
/// is there twice: how many, and the first three.
ShardSamples read_samples(const std::filesystem::path& root, const std::string& shard);

}  // namespace vitrine
