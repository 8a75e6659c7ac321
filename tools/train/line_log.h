// A text file that grows by lines and can be cut back to where a checkpoint saw it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace vitrine::train {

/// Lines that cannot be written now (a full disk) are kept in memory and written with the next ones: the file
/// never has a hole or half a line in its middle.
class LineLog {
  public:
    explicit LineLog(std::filesystem::path path) : path_(std::move(path)) {}

    /// Forgets everything behind the first `bytes` bytes. Throws Error where the file is shorter than that or
    /// cannot be cut.
    void cut(int64_t bytes);
    /// Adds a line, which ends with '\n' by itself, and tries to write. False if it could not be written yet.
    bool append(const std::string& line);
    /// Writes what is pending, down to the disk. False if that failed.
    bool flush();
    /// Of all lines that were added, written or not.
    int64_t bytes() const { return written_ + static_cast<int64_t>(pending_.size()); }

  private:
    /// Waiting for the disk takes milliseconds: too long for each step, and needed only before a checkpoint.
    enum class Sync { no, yes };
    bool write_pending(Sync sync);

    std::filesystem::path path_;
    int64_t written_ = 0;
    std::string pending_;
};

}  // namespace vitrine::train
