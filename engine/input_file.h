// Files that are read: regular ones, and no larger than whoever reads them expects.
//
// What is named like a file may be something else. To open a FIFO waits for somebody to write into it, a
// device has side effects and no end, and a file of some gigabytes may be nothing but a hole. So whatever
// reads a file reads it through here.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "engine/error.h"

namespace vitrine {

/// A file that cannot be read or written: "cannot ACTION PATH: REASON".
struct FileError : Error {
    FileError(std::string_view action, const std::filesystem::path& path, const std::string& why);
    std::string reason;  // without the path, such as "No such file or directory"
};

/// What a symbolic link at the very end of a path means.
enum class Links : bool {
    follow,  // the file that it names: for the paths that a user gives
    refuse,  // never followed: for files inside a folder that somebody else may have filled
};

/// "a folder", "a FIFO", …; "a regular file", too.
std::string_view kind_of_file(mode_t mode);

/// A regular file, open for reading from its start.
class InputFile {
  public:
    /// Never waits and never opens anything but a regular file. Throws FileError, for a link with
    /// Links::refuse too.
    explicit InputFile(const std::filesystem::path& path, Links links = Links::follow);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    const std::filesystem::path& path() const { return path_; }
    int descriptor() const { return descriptor_; }
    /// Of the moment in which it was opened.
    const struct stat& status() const { return status_; }
    uint64_t bytes() const { return static_cast<uint64_t>(status_.st_size); }

    /// The next bytes; fewer than asked for only where the file ends. Throws FileError.
    size_t read(std::span<char> bytes);

  private:
    std::filesystem::path path_;
    int descriptor_ = -1;
    struct stat status_ {};
};

/// The whole content of a regular file of up to `largest` bytes. Throws FileError, where it is larger before
/// anything is read.
std::string read_file(const std::filesystem::path& path,
                      uint64_t largest = std::numeric_limits<uint64_t>::max(), Links links = Links::follow);

}  // namespace vitrine
