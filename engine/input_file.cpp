// Files that are read: see input_file.h.

#include "engine/input_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vitrine {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& reason) {
    throw FileError("read", path, reason);
}

void require_regular(const std::filesystem::path& path, mode_t mode) {
    if (!S_ISREG(mode)) refuse(path, fmt::format("it is {}, but a file is needed", kind_of_file(mode)));
}

}  // namespace

FileError::FileError(std::string_view action, const std::filesystem::path& path, const std::string& why)
    : Error(fmt::format("cannot {} {}: {}", action, path.string(), why)), reason(why) {}

std::string_view kind_of_file(mode_t mode) {
    if (S_ISREG(mode)) return "a regular file";
    if (S_ISDIR(mode)) return "a folder";
    if (S_ISLNK(mode)) return "a symbolic link";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

InputFile::InputFile(const std::filesystem::path& path, Links links) : path_(path) {
    // Asked before it is opened, which can be an act of its own with a device, and again of what was opened.
    const auto look = links == Links::follow ? ::stat : ::lstat;
    if (look(path.c_str(), &status_) != 0) refuse(path, std::strerror(errno));
    require_regular(path, status_.st_mode);
    const int no_link = links == Links::follow ? 0 : O_NOFOLLOW;
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | no_link);
    if (descriptor_ < 0) refuse(path, std::strerror(errno));
    try {
        if (::fstat(descriptor_, &status_) != 0) refuse(path, std::strerror(errno));
        require_regular(path, status_.st_mode);
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

InputFile::~InputFile() { ::close(descriptor_); }

size_t InputFile::read(std::span<char> bytes) {
    size_t total = 0;
    while (total < bytes.size()) {
        const ssize_t count = ::read(descriptor_, bytes.data() + total, bytes.size() - total);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) refuse(path_, std::strerror(errno));
        if (count == 0) break;
        total += static_cast<size_t>(count);
    }
    return total;
}

std::string read_file(const std::filesystem::path& path, uint64_t largest, Links links) {
    constexpr size_t piece = size_t{1} << 16;
    InputFile file(path, links);
    const auto refuse_larger = [&](uint64_t bytes) {
        if (bytes > largest)
            refuse(path, fmt::format("it has {} bytes, where no more than {} are expected", bytes, largest));
    };
    refuse_larger(file.bytes());
    // It may grow meanwhile, and files of /proc say that they are empty.
    std::string content;
    for (size_t wanted = static_cast<size_t>(file.bytes()) + 1;; wanted = piece) {
        const size_t before = content.size();
        content.resize(before + wanted);
        const size_t got = file.read(std::span(content).subspan(before));
        content.resize(before + got);
        refuse_larger(content.size());
        if (got < wanted) return content;
    }
}

}  // namespace vitrine
