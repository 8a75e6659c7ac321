// A file that grows at its end while others may read it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace vitrine::tools {

/// What cannot be written now (a full disk) is kept in memory and written with what comes next: the file
/// never has a hole or half of an addition in its middle. A link or anything but a regular file is never
/// opened. One writer at a time.
class GrowingFile {
  public:
    /// Empty, or not there, until set() says otherwise.
    explicit GrowingFile(std::filesystem::path path) : path_(std::move(path)) {}

    const std::filesystem::path& path() const { return path_; }

    /// Makes this its content. What a crash leaves is the old content, the new, or, where the one begins with
    /// the other, the longer one. A file with a second name (a hard link) is replaced, not changed. Throws
    /// Error.
    void set(std::string_view content);
    /// Adds to its end and tries to write. False if it could not be written yet.
    bool append(std::string_view more);
    /// Writes what is pending, down to the disk. False if that failed.
    bool flush();

  private:
    /// Waiting for the disk takes milliseconds: too long for each step, and needed only before a checkpoint.
    enum class Sync { no, yes };
    bool write_pending(Sync sync);

    std::filesystem::path path_;
    int64_t written_ = 0;
    std::string pending_;
};

}  // namespace vitrine::tools
