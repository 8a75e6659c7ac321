// A new file under a name that nobody can foresee: see temporary_file.h.

#include "engine/temporary_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "engine/input_file.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_unwritable(const fs::path& path, int failure) {
    throw FileError("write", path, std::strerror(failure));
}

fs::path random_name_beside(const fs::path& target) {
    uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) throw_unwritable(target, errno);
    constexpr size_t longest = 200;  // of the 255 bytes that a name may have
    const std::string name = target.filename().string().substr(0, longest);
    return target.parent_path() / fmt::format("{}.{:016x}.tmp", name, number);
}

}  // namespace

TemporaryFile::TemporaryFile(fs::path target, mode_t mode) : target_(std::move(target)) {
    do {
        path_ = random_name_beside(target_);
        descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    } while (descriptor_ < 0 && errno == EEXIST);
    if (descriptor_ < 0) throw_unwritable(target_, errno);
}

TemporaryFile::~TemporaryFile() {
    ::close(descriptor_);
    if (!moved_) ::unlink(path_.c_str());
}

void TemporaryFile::write(std::span<const char> bytes) { write_all(descriptor_, bytes, target_); }

void TemporaryFile::move_into_place() {
    if (::fsync(descriptor_) != 0) throw_unwritable(target_, errno);
    if (::rename(path_.c_str(), target_.c_str()) != 0)
        throw FileError("replace", target_, std::strerror(errno));
    moved_ = true;
    flush_folder_of(target_);
}

void write_all(int descriptor, std::span<const char> bytes, const fs::path& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw_unwritable(path, errno);
        bytes = bytes.subspan(static_cast<size_t>(written));
    }
}

void flush_folder_of(const fs::path& file) {
    const fs::path folder = file.parent_path();
    const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}

}  // namespace vitrine
