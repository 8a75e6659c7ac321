// Writing files: whole or not at all, under names that nobody can foresee, and never instead of what is no
// file.

#include "engine/atomic_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "engine/temporary_file.h"
#include "tests/engine/temporary_folder.h"

using namespace vitrine;
using vitrine::tests::TemporaryFolder;
namespace fs = std::filesystem;
using Names = std::set<std::string>;

namespace {

void write(const fs::path& path, std::string_view text, Links links = Links::follow) {
    write_atomically(path, {text}, links);
}

std::string refusal(const fs::path& path, Links links = Links::follow) {
    try {
        write(path, "new", links);
    } catch (const FileError& error) {
        CHECK(std::string(error.what()).find(path.string()) != std::string::npos);
        return error.reason;
    }
    return "";
}

struct stat status_of(const fs::path& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status;
}

unsigned mode_of(const fs::path& path) { return status_of(path).st_mode & 07777U; }

/// A file descriptor that goes somewhere else while this lives.
class Redirected {
  public:
    Redirected(int stream, const fs::path& path) : stream_(stream), before_(::dup(stream)) {
        const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::dup2(file, stream_);
        ::close(file);
    }
    ~Redirected() {
        ::dup2(before_, stream_);
        ::close(before_);
    }
    Redirected(const Redirected&) = delete;
    Redirected& operator=(const Redirected&) = delete;

  private:
    int stream_, before_;
};

/// No file may grow beyond `bytes` while this lives.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  private:
    rlimit before_{};
    void (*handler_)(int);
};

}  // namespace

TEST_CASE("parts are written one after the other, and a file is replaced by another") {
    const TemporaryFolder folder;
    write_atomically(folder / "file", {std::string_view("one "), std::string_view("two")});
    CHECK(read_file(folder / "file") == "one two");
    const ino_t before = status_of(folder / "file").st_ino;
    write(folder / "file", "new");
    CHECK(read_file(folder / "file") == "new");
    CHECK(status_of(folder / "file").st_ino != before);
    CHECK(folder.names() == Names{"file"});
}

TEST_CASE("a write that cannot succeed leaves the old file and no other") {
    const TemporaryFolder folder;
    CHECK(refusal(folder / "no/such/file") == "No such file or directory");
    fs::create_directories(folder / "taken/inside");
    CHECK(refusal(folder / "taken") == "it is a folder, but a file is needed");
    CHECK(fs::exists(folder / "taken/inside"));
    write(folder / "file", "old");
    {
        const FileSizeLimit limit(2);
        CHECK(refusal(folder / "file") == "File too large");
        CHECK(refusal(folder / "other") == "File too large");
    }
    CHECK(read_file(folder / "file") == "old");
    CHECK(folder.names() == Names{"file", "taken"});
}

TEST_CASE("a file keeps its mode and its owner, and a new one has what the umask leaves") {
    const TemporaryFolder folder;
    const mode_t umask = ::umask(027);
    write(folder / "new", "new");
    ::umask(umask);
    CHECK(mode_of(folder / "new") == 0640);
    for (const unsigned mode : {0600U, 0644U, 0666U, 0755U}) {
        fs::permissions(folder / "new", static_cast<fs::perms>(mode));
        write(folder / "new", "newer");
        CHECK(mode_of(folder / "new") == mode);
    }
    if (::geteuid() != 0) return;  // nobody else can give a file away
    REQUIRE(::chown((folder / "new").c_str(), 1234, 2345) == 0);
    write(folder / "new", "newest");
    CHECK(status_of(folder / "new").st_uid == 1234);
    CHECK(status_of(folder / "new").st_gid == 2345);
}

TEST_CASE("a file that must not be written is not replaced") {
    if (::geteuid() == 0) return;  // root may write it
    const TemporaryFolder folder;
    write(folder / "file", "old");
    fs::permissions(folder / "file", fs::perms::owner_read);
    CHECK(refusal(folder / "file") == "Permission denied");
    CHECK(read_file(folder / "file") == "old");
}

TEST_CASE("a link stays and the file that it names is replaced, also where it is absent") {
    const TemporaryFolder folder;
    fs::create_directory(folder / "far");
    write(folder / "far/file", "old");
    fs::create_symlink("file", folder / "far/second");
    fs::create_symlink("far/second", folder / "first");
    fs::create_symlink("far/absent", folder / "dangling");
    fs::create_symlink("loop", folder / "loop");
    write(folder / "first", "new");
    write(folder / "dangling", "new");
    CHECK(fs::is_symlink(folder / "first"));
    CHECK(fs::is_symlink(folder / "far/second"));
    CHECK(fs::is_symlink(folder / "dangling"));
    CHECK(read_file(folder / "far/file") == "new");
    CHECK(read_file(folder / "far/absent") == "new");
    CHECK(refusal(folder / "loop") == "Too many levels of symbolic links");
}

TEST_CASE("where links are refused, one is replaced and what it names is left alone") {
    const TemporaryFolder folder;
    write(folder / "victim", "old");
    fs::create_symlink("victim", folder / "link");
    write(folder / "link", "new", Links::refuse);
    CHECK(read_file(folder / "victim") == "old");
    CHECK(read_file(folder / "link", 100, Links::refuse) == "new");
}

TEST_CASE("nobody can foresee a temporary file's name, and it fits whatever the target's length") {
    const TemporaryFolder folder;
    const std::string longest(255, 'n');
    Names names;
    for (int i = 0; i < 4; ++i) {
        const TemporaryFile file(folder / longest);
        CHECK(fs::is_regular_file(file.path()));
        names.insert(file.path().filename().string());
    }
    CHECK(names.size() == 4);
    CHECK(folder.names().empty());
    write(folder / longest, "new");
    CHECK(folder.names() == Names{longest});
}

TEST_CASE("a FIFO is written into, and refused where nobody reads or nothing is to be followed") {
    const TemporaryFolder folder;
    REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    CHECK(refusal(folder / "fifo") == "nobody reads from it");
    const int reader = ::open((folder / "fifo").c_str(), O_RDONLY | O_NONBLOCK);
    REQUIRE(reader >= 0);
    write(folder / "fifo", "new");
    char text[8] = {};
    CHECK(::read(reader, text, sizeof text) == 3);
    CHECK(std::string(text) == "new");
    ::close(reader);
    CHECK(refusal(folder / "fifo", Links::refuse) == "it is a FIFO, but a file is needed");
    CHECK(S_ISFIFO(status_of(folder / "fifo").st_mode));
}

TEST_CASE("a device is written into, never replaced") {
    const TemporaryFolder folder;
    const auto null = static_cast<dev_t>(makedev(1, 3));
    if (::mknod((folder / "null").c_str(), S_IFCHR | 0666, null) != 0) return;  // only root can make one
    const int opened = ::open((folder / "null").c_str(), O_WRONLY);
    if (opened < 0) return;  // the temporary folder may be mounted without devices
    ::close(opened);
    fs::create_symlink("null", folder / "link");
    write(folder / "null", "new");
    write(folder / "link", "new");
    CHECK(S_ISCHR(status_of(folder / "null").st_mode));
    CHECK(S_ISLNK(status_of(folder / "link").st_mode));
    CHECK(refusal(folder / "null", Links::refuse) == "it is a device, but a file is needed");
    CHECK(S_ISCHR(status_of(folder / "null").st_mode));
}

TEST_CASE("what the standard output goes to is written into, behind what is there") {
    const TemporaryFolder folder;
    fs::create_symlink("/proc/self/fd/1", folder / "stdout");  // as /dev/stdout is
    {
        const Redirected output(STDOUT_FILENO, folder / "output");
        REQUIRE(::write(STDOUT_FILENO, "printed ", 8) == 8);
        write(folder / "stdout", "written ");
        write(folder / "output", "too");
    }
    CHECK(read_file(folder / "output") == "printed written too");
    CHECK(folder.names() == Names{"output", "stdout"});
}
