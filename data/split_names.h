// Names of folders that say which part of a data set is in them.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vitrine {

enum class SplitPart { train, validation, test };

/// "training", "validation", "test"
const char* name_of(SplitPart part);

/// A name such as Train, validation_set, seg_test or train2017.
struct SplitName {
    SplitPart part;
    /// What else the name says: "seg" of seg_test. Parts of one data set have the same.
    std::string family;
};

/// The words of a name in lower case: trainSet_2 has train and set. Numbers are left out.
std::vector<std::string> words_of(const std::string& name);

/// Nothing where the name does not name a part. Upper and lower case, numbers, and words such as "images" and
/// "set" do not matter.
std::optional<SplitName> split_name(const std::string& folder);

}  // namespace vitrine
