// A run's folder is in the hands of one process at a time: see run_lock.h.

#include "tools/train/run_lock.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <optional>
#include <thread>
#include <utility>

#include "engine/error.h"

namespace vitrine::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* lock_name = ".lock";
constexpr const char* default_parent = "runs";

/// The nearest folder above that exists.
fs::path existing_part(fs::path part) {
    std::error_code failure;
    while (!fs::exists(part, failure) && part.has_parent_path() && part != part.parent_path())
        part = part.parent_path();
    return part;
}

[[noreturn]] void explain_folder(const fs::path& folder, int failure) {
    const fs::path part = existing_part(folder);
    std::error_code ignored;
    if (fs::exists(part, ignored) && !fs::is_directory(part, ignored))
        throw Error(fmt::format("--out {}: {} is not a folder", folder.string(), part.string()));
    throw Error(
        fmt::format("--out {}: cannot create the folder ({})", folder.string(), std::strerror(failure)));
}

/// Makes what is missing of the path and adds it to `made`, the outermost first. Returns an errno, or 0.
int make_folders(const fs::path& folder, std::vector<fs::path>& made) {
    std::error_code failure;
    if (folder.empty() || fs::exists(folder, failure)) return 0;
    const fs::path parent = folder.has_filename() ? folder.parent_path() : folder.parent_path().parent_path();
    if (const int error = make_folders(parent, made); error != 0) return error;
    if (::mkdir(folder.c_str(), 0777) == 0)
        made.push_back(folder);
    else if (errno != EEXIST)
        return errno;
    return 0;
}

void remove_folders(std::vector<fs::path>& made) {
    for (; !made.empty(); made.pop_back()) ::rmdir(made.back().c_str());
}

/// The process that a lock's file names, if it is alive.
std::optional<pid_t> holder_in(int file) {
    std::array<char, 32> text{};
    const ssize_t size = ::pread(file, text.data(), text.size(), 0);
    pid_t process = 0;
    const auto [end, failure] =
        std::from_chars(text.data(), text.data() + std::max<ssize_t>(size, 0), process);
    if (failure != std::errc() || process <= 0) return std::nullopt;
    if (::kill(process, 0) != 0 && errno == ESRCH) return std::nullopt;
    return process;
}

/// Whoever has just taken the lock needs a moment to write its name.
std::string describe_holder(int file) {
    for (int attempt = 0; attempt < 50; ++attempt) {
        if (const std::optional<pid_t> process = holder_in(file)) return fmt::format("process {}", *process);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return "a process that cannot be seen from here, on another machine or in a container,";
}

void write_own_name(int file) {
    const std::string name = fmt::format("{}\n", ::getpid());
    // Only for people, so a full disk does not matter.
    if (::ftruncate(file, 0) != 0) return;
    [[maybe_unused]] const ssize_t written = ::pwrite(file, name.data(), name.size(), 0);
}

}  // namespace

RunLock::RunLock(fs::path folder) : folder_(std::move(folder)) {
    if (const int failure = take(Folder::any)) explain_folder(folder_, failure);
}

RunLock::RunLock(RunLock&& other) noexcept
    : folder_(std::move(other.folder_)),
      made_(std::move(other.made_)),
      directory_(std::exchange(other.directory_, -1)),
      file_(std::exchange(other.file_, -1)) {}

RunLock RunLock::of_new_folder(const std::string& model) {
    const std::string plain =
        fmt::format("{}/{}-{:%Y%m%d-%H%M%S}", default_parent, model, fmt::localtime(std::time(nullptr)));
    for (int number = 1;; ++number) {
        RunLock lock;
        lock.folder_ = number == 1 ? plain : fmt::format("{}-{}", plain, number);
        const int failure = lock.take(Folder::new_one);
        if (failure == 0) return lock;
        if (failure != EEXIST) explain_folder(lock.folder_, failure);
    }
}

int RunLock::take(Folder kind) {
    // Another run that could not begin may remove what it had made, which is empty, at any moment.
    constexpr int attempts = 20;
    int failure = ENOENT;
    for (int attempt = 0; attempt < attempts && failure == ENOENT; ++attempt) {
        failure = make_folders(folder_, made_);
        const bool is_new = !made_.empty() && made_.back() == folder_;
        if (failure == 0 && kind == Folder::new_one && !is_new) failure = EEXIST;
        if (failure == 0) failure = hold();
        if (failure != 0) let_go();
    }
    return failure;
}

int RunLock::hold() {
    directory_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_ < 0) return errno;
    for (;;) {
        // Neither a link nor a FIFO must lead or hold us elsewhere.
        file_ = ::openat(directory_, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
        if (file_ < 0 && errno == ENOENT) return ENOENT;
        struct stat opened {};
        if ((file_ < 0 && errno == ELOOP) ||
            (file_ >= 0 && (::fstat(file_, &opened) != 0 || !S_ISREG(opened.st_mode))))
            refuse(fmt::format("{}/{} is no plain file; remove it", folder_.string(), lock_name));
        if (file_ < 0) refuse(fmt::format("cannot write in it ({})", std::strerror(errno)));
        if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK)
                refuse(fmt::format("its file system cannot lock files ({}); choose a folder on another one",
                                   std::strerror(errno)));
            refuse(fmt::format("{} is writing there; wait for its end, or choose another folder",
                               describe_holder(file_)));
        }
        // The holder before us may have removed the name in between. One with a second name is a copy by hard
        // links, and would be shared with the folder that it was copied from.
        struct stat named {};
        const bool there = ::fstatat(directory_, lock_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
        if (there && named.st_nlink == 1) break;
        if (there) ::unlinkat(directory_, lock_name, 0);
        ::close(std::exchange(file_, -1));
    }
    write_own_name(file_);
    return 0;
}

void RunLock::refuse(const std::string& why) {
    const fs::path folder = folder_;
    let_go();
    throw Error(fmt::format("--out {}: {}", folder.string(), why));
}

void RunLock::let_go() {
    if (file_ >= 0) ::close(std::exchange(file_, -1));
    if (directory_ >= 0) ::close(std::exchange(directory_, -1));
    remove_folders(made_);
}

RunLock::~RunLock() {
    if (file_ >= 0) ::unlinkat(directory_, lock_name, 0);  // while it is ours
    let_go();
}

}  // namespace vitrine::train
