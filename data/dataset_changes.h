// What became of a data set between two looks at it, and how a run that knows the first goes on with the
// second.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/identity.h"
#include "data/same_images.h"

namespace vitrine {

struct DatasetChanges {
    std::vector<ImageMatch> matches;  // of each image now
    /// For each class now its number then; -1: it was none, or it cannot be told which.
    std::vector<int32_t> classes;
    /// What has changed, each like "2 images are new ('a/1.png', 'a/2.png')"; none: the data are the same.
    std::vector<std::string> clauses;
};

/// Both looks must be at images read at the same size. `skipped` tells files that are gone from those that
/// can no longer be read. Which training and validation images were drawn does not count as a change.
DatasetChanges changes_between(const DatasetIdentity& earlier, const DatasetIdentity& now,
                               const std::vector<SkippedFile>& skipped);

/// Where each image belongs.
struct Arrangement {
    struct Place {
        Part part = Part::training;
        int32_t label = 0;
    };
    std::vector<std::string> classes;
    std::unordered_map<std::string, Place> images;  // by their names
};

/// How a run goes on. Classes keep their numbers, under their new names; labels are what the data say now. An
/// image that was known, and a copy of one, keeps its part, wherever its file is now: what was trained on is
/// never validated on, and the other way round. A new image has the part that its place gives it, but where
/// validation images are held out, it becomes a training image; only where none of them is left, new ones are
/// held out. Where another share of the training images is asked for, it is drawn among them. Throws Error
/// where the classes are not those of the run.
Arrangement keep_parts(const DatasetIdentity& earlier, const DatasetIdentity& now,
                       const DatasetChanges& changes);

/// The data set in this arrangement, which must have all its images; those of each part in the order of the
/// files. Throws Error where a class has no training image or no validation image is left.
Dataset arranged(const Dataset& dataset, const Arrangement& arrangement);

}  // namespace vitrine
