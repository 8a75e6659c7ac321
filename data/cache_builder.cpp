// Building a cache file: see cache_builder.h.

#include "data/cache_builder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>

#include "engine/input_file.h"
#include "engine/temporary_file.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_unwritable(int failure) { throw CacheUnwritable(std::strerror(failure)); }

/// A regular file under this name, made where there is none; -1 where something else has it.
int open_lock_file(const fs::path& path) {
    const int descriptor =
        open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    struct stat status {};
    if (descriptor < 0 || (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode))) return descriptor;
    close(descriptor);
    return -1;
}

/// Whether the name still stands for the open file: the builder before may have removed it.
bool is_at(int descriptor, const fs::path& path) {
    struct stat here {
    }, there{};
    return fstat(descriptor, &here) == 0 && lstat(path.c_str(), &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

void require_replaceable(const fs::path& place) {
    struct stat status {};
    if (lstat(place.c_str(), &status) != 0 || S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) return;
    throw CacheUnwritable(fmt::format("'{}' is {}", place.filename().string(), kind_of_file(status.st_mode)));
}

/// Decodes into the file, behind the place of its header, then writes what says where everything is.
void fill_file(int descriptor, const CacheSubject& subject,
               const std::function<CacheRecords(const AppendPixels&)>& fill) {
    FileSlots slots(descriptor, cache_pixels_offset, subject.least_pixel_bytes());
    const CacheRecords records =
        fill([&slots](std::span<const uint8_t> pixels) { return slots.append(pixels); });
    const std::vector<uint8_t> packed = pack_records(records);
    const CacheHeader header = make_header(subject, records, slots.bytes(), packed);
    write_at(descriptor, packed, cache_pixels_offset + slots.bytes());
    write_at(descriptor, {reinterpret_cast<const uint8_t*>(&header), sizeof header}, 0);
    // More may have been reserved than was needed.
    if (ftruncate(descriptor, static_cast<off_t>(header.file_bytes)) != 0) throw_unwritable(errno);
}

}  // namespace

BuildLock::BuildLock(const fs::path& place, const std::function<void()>& wait)
    : path_(place.string() + ".lock") {
    for (;;) {
        descriptor_ = open_lock_file(path_);
        if (descriptor_ < 0) return;
        try {
            while (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
                if (errno != EWOULDBLOCK && errno != EINTR) throw_unwritable(errno);
                wait();
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
            }
        } catch (...) {
            close(descriptor_);
            throw;
        }
        if (is_at(descriptor_, path_)) return;
        close(descriptor_);
    }
}

BuildLock::~BuildLock() {
    if (!is_held()) return;
    unlink(path_.c_str());  // while it is locked: who waits for it looks whether it is still there
    close(descriptor_);
}

void remove_leftovers(const fs::path& place) {
    const std::string prefix = place.filename().string() + ".";
    std::error_code failure;
    for (const fs::directory_entry& entry : fs::directory_iterator(place.parent_path(), failure)) {
        const std::string name = entry.path().filename().string();
        const bool is_ours = name.starts_with(prefix) && name.ends_with(".tmp");
        if (is_ours && fs::is_regular_file(entry.symlink_status(failure))) fs::remove(entry.path(), failure);
    }
}

void write_cache(const fs::path& place, const CacheSubject& subject,
                 const std::function<CacheRecords(const AppendPixels& append)>& fill) try {
    require_replaceable(place);
    TemporaryFile file(place);
    fill_file(file.descriptor(), subject, fill);
    require_replaceable(place);
    file.move_into_place();
} catch (const FileError& error) {
    throw CacheUnwritable(error.reason);
} catch (const SlotFailure& failure) {
    throw_unwritable(failure.number);
}

}  // namespace vitrine
