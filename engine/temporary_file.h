// A new file under a name that nobody can foresee, which becomes another file or goes away.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <span>

namespace vitrine {

class TemporaryFile {
  public:
    /// Creates NAME.RANDOM.tmp in the folder of `target`, with what the umask leaves of `mode`. Whatever has
    /// that name already, a link among them, is never opened: another name is drawn. Throws FileError.
    explicit TemporaryFile(std::filesystem::path target, mode_t mode = 0666);
    /// Removes the file unless it was moved into place.
    ~TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    const std::filesystem::path& path() const { return path_; }
    int descriptor() const { return descriptor_; }

    /// Appends. Throws FileError, naming the target, as on a full disk.
    void write(std::span<const char> bytes);
    /// Flushes the file to the disk and renames it to `target`, a file or link there being replaced; the
    /// folder is flushed too. Throws FileError.
    void move_into_place();

  private:
    std::filesystem::path target_;
    std::filesystem::path path_;
    int descriptor_ = -1;
    bool moved_ = false;
};

/// Writes all of it into an open file. Throws FileError naming `path`.
void write_all(int descriptor, std::span<const char> bytes, const std::filesystem::path& path);

/// A rename or a new file is on the disk only when its folder is. Does what it can.
void flush_folder_of(const std::filesystem::path& file);

}  // namespace vitrine
