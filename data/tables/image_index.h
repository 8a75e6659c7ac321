// Finding images by what a table calls them: by their path, by its end, with or without the file's extension.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/file_listing.h"
#include "data/split_names.h"

namespace vitrine {

/// What a name was found to be.
struct NamedImage {
    enum class How {
        found,      // `image`
        left_out,   // a file that is there and was left out as damaged: `reason`
        ambiguous,  // `image` and `other`, and perhaps more
        outside,    // an absolute path, or one through "..", that leaves the folder
        missing
    };
    How how = How::missing;
    size_t image = 0, other = 0;
    std::string reason = {};
};

/// The images below a folder. Nothing outside of it is ever looked at.
class ImageIndex {
  public:
    /// `listing` must outlive it.
    ImageIndex(const std::filesystem::path& root, const FileListing& listing);

    /// The image that a table in the root calls `name`: the file with this path from the root; else the only
    /// one whose path ends with it; of several, the only one that is in a folder called like `part`, or else
    /// in none that is called like another part; else the same for paths without their extensions.
    NamedImage find(const std::string& name, std::optional<SplitPart> part) const;

  private:
    using Places = std::unordered_map<std::string, std::vector<size_t>>;

    NamedImage choose(const std::vector<size_t>& candidates, const std::string& name,
                      std::optional<SplitPart> part) const;

    std::filesystem::path root_;
    const FileListing& listing_;
    Places by_name_, by_stem_;  // by the last component of their paths
    std::unordered_map<std::string, std::string> left_out_;
};

/// The part that the folders of an image's path are called like; the uppermost counts.
std::optional<SplitPart> part_of_path(const std::string& path);

}  // namespace vitrine
