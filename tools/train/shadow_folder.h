// Where a process writes that trains beside the first one of its run: a copy of the run's folder that nobody sees.
//
// So all processes do the same, from the checkpoint that they go on with to the best weights that a phase begins with, and the
// run's own folder is the first one's alone.
#pragma once

#include <filesystem>

namespace vitrine::train {

class ShadowFolder {
  public:
    /// A new folder among the system's temporary ones, with what the run has. Throws Error where that cannot be read.
    explicit ShadowFolder(const std::filesystem::path& run);
    ~ShadowFolder();
    ShadowFolder(const ShadowFolder&) = delete;
    ShadowFolder& operator=(const ShadowFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace vitrine::train
