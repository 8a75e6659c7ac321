// Files that are either there whole or not at all: see atomic_file.h.

#include "engine/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "engine/error.h"

namespace vitrine {
namespace {

[[noreturn]] void throw_errno(const char* action, const std::filesystem::path& path) {
    throw Error(fmt::format("cannot {} {}: {}", action, path.string(), std::strerror(errno)));
}

/// Closes a file descriptor, and removes the file unless it was finished.
class TemporaryFile {
  public:
    explicit TemporaryFile(std::filesystem::path path)
        : path_(std::move(path)),
          descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
        if (descriptor_ < 0) throw_errno("write", path_);
    }
    ~TemporaryFile() {
        ::close(descriptor_);
        if (!finished_) ::unlink(path_.c_str());
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    void write(std::span<const char> bytes) {
        while (!bytes.empty()) {
            const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) throw_errno("write", path_);
            bytes = bytes.subspan(static_cast<size_t>(written));
        }
    }

    void finish_as(const std::filesystem::path& path) {
        if (::fsync(descriptor_) != 0) throw_errno("flush", path_);
        if (::rename(path_.c_str(), path.c_str()) != 0) throw_errno("replace", path);
        finished_ = true;
    }

  private:
    std::filesystem::path path_;
    int descriptor_;
    bool finished_ = false;
};

/// A rename is on the disk only when its folder is.
void flush_folder(const std::filesystem::path& folder) {
    const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}

}  // namespace

void write_atomically(const std::filesystem::path& path, std::initializer_list<std::span<const char>> parts) {
    TemporaryFile file(path.string() + fmt::format(".{}.tmp", ::getpid()));
    for (const std::span<const char> part : parts) file.write(part);
    file.finish_as(path);
    flush_folder(path.parent_path());
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw_errno("read", path);
    // An empty file is no failure, but to write its nothing below would count as one.
    if (file.peek() == std::ifstream::traits_type::eof() && !file.bad()) return {};
    std::ostringstream content;
    content << file.rdbuf();
    if (file.bad() || content.fail()) throw Error(fmt::format("cannot read {}", path.string()));
    return std::move(content).str();
}

}  // namespace vitrine
