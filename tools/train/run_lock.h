// A run's folder is in the hands of one process at a time.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace vitrine::train {

/// Holds a folder from before the data are loaded to the end of the run: an flock on its file `.lock`, which
/// names the process for people. The system lets go of it however the process ends, so that a dead process is
/// no obstacle. Folders that were made for it are removed with it while they are empty: a run that could not
/// begin leaves nothing behind.
class RunLock {
  public:
    /// Makes the folder, and those above it, if need be. Throws Error where that fails or where another
    /// process, which is named, holds it. Nothing has changed then.
    explicit RunLock(std::filesystem::path folder);
    /// A folder that no other process has been given: runs/MODEL-DATE-TIME, with a number behind it where
    /// others began in the same second. Throws Error.
    static RunLock of_new_folder(const std::string& model);

    ~RunLock();
    RunLock(RunLock&& other) noexcept;
    RunLock& operator=(RunLock&&) = delete;

    const std::filesystem::path& folder() const { return folder_; }

  private:
    enum class Folder { any, new_one };

    RunLock() = default;
    // These return an errno, or 0.
    int take(Folder kind);
    int hold();
    [[noreturn]] void refuse(const std::string& why);
    void let_go();

    std::filesystem::path folder_;
    std::vector<std::filesystem::path> made_;  // the outermost first
    int directory_ = -1, file_ = -1;           // descriptors
};

}  // namespace vitrine::train
