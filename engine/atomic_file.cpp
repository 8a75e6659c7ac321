// Files that are either there whole or not at all: see atomic_file.h.

#include "engine/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "engine/temporary_file.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;
using Parts = std::initializer_list<std::span<const char>>;

[[noreturn]] void throw_unwritable(const fs::path& path, int failure) {
    throw FileError("write", path, std::strerror(failure));
}

/// Of what is there; nothing where nothing is.
std::optional<struct stat> status_of(const fs::path& path, Links links) {
    struct stat status {};
    if ((links == Links::follow ? ::stat : ::lstat)(path.c_str(), &status) == 0) return status;
    if (errno != ENOENT) throw_unwritable(path, errno);
    return std::nullopt;
}

/// The file that a link names, and the link that this one is; also where it does not exist yet.
fs::path end_of_links(fs::path path) {
    constexpr int longest_chain = 40;  // as the kernel has it
    std::error_code failure;
    for (int i = 0; fs::is_symlink(fs::symlink_status(path, failure)); ++i) {
        if (i == longest_chain) throw_unwritable(path, ELOOP);
        path = path.parent_path() / fs::read_symlink(path, failure);
        if (failure) throw_unwritable(path, failure.value());
    }
    return path;
}

/// The standard output or error, where `status` is that of what they go to.
std::optional<int> standard_stream(const struct stat& status) {
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
        struct stat other {};
        if (::fstat(stream, &other) == 0 && other.st_dev == status.st_dev && other.st_ino == status.st_ino)
            return stream;
    }
    return std::nullopt;
}

void write_into(int descriptor, Parts parts, const fs::path& path) {
    for (const std::span<const char> part : parts) write_all(descriptor, part, path);
}

/// A FIFO that nobody reads fails at once: to wait might be for ever.
void write_into_special(const fs::path& path, Parts parts) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0)
        throw FileError("write", path, errno == ENXIO ? "nobody reads from it" : std::strerror(errno));
    try {
        ::fcntl(descriptor, F_SETFL, 0);  // waits for a slow reader from here on
        write_into(descriptor, parts, path);
    } catch (...) {
        ::close(descriptor);
        throw;
    }
    if (::close(descriptor) != 0) throw_unwritable(path, errno);
}

void write_new(const fs::path& path, Parts parts) {
    TemporaryFile file(path);
    for (const std::span<const char> part : parts) file.write(part);
    file.move_into_place();
}

/// Only root may give a file away, and others no more than its group.
void keep_owner(int descriptor, const struct stat& old) {
    if (::fchown(descriptor, old.st_uid, old.st_gid) == 0) return;
    [[maybe_unused]] const int result = ::fchown(descriptor, static_cast<uid_t>(-1), old.st_gid);
}

void replace(const fs::path& path, const struct stat& old, Parts parts) {
    // Root may write anything, but to take a file's place asks the folder, not the file.
    if (::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) throw_unwritable(path, errno);
    TemporaryFile file(path, 0600);
    for (const std::span<const char> part : parts) file.write(part);
    keep_owner(file.descriptor(), old);
    if (::fchmod(file.descriptor(), old.st_mode & 0777) != 0) throw_unwritable(path, errno);
    file.move_into_place();
}

}  // namespace

void write_atomically(const fs::path& path, Parts parts, Links links) {
    const std::optional<struct stat> there = status_of(path, links);
    const bool absent = !there || S_ISLNK(there->st_mode);
    if (absent) return write_new(links == Links::follow ? end_of_links(path) : path, parts);
    if (links == Links::follow) {
        if (const std::optional<int> stream = standard_stream(*there))
            return write_into(*stream, parts, path);
        if (S_ISFIFO(there->st_mode) || S_ISCHR(there->st_mode)) return write_into_special(path, parts);
    }
    if (!S_ISREG(there->st_mode))
        throw FileError("write", path,
                        fmt::format("it is {}, but a file is needed", kind_of_file(there->st_mode)));
    replace(links == Links::follow ? end_of_links(path) : path, *there, parts);
}

}  // namespace vitrine
