// Reading files: only what is a file, no larger than expected, and never waiting.

#include "engine/input_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/atomic_file.h"
#include "tests/engine/temporary_folder.h"

using namespace vitrine;
using vitrine::tests::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, std::string_view text) { write_atomically(path, {text}); }

std::string refusal(const fs::path& path, uint64_t largest = 100, Links links = Links::follow) {
    try {
        read_file(path, largest, links);
    } catch (const FileError& error) {
        CHECK(std::string(error.what()) == "cannot read " + path.string() + ": " + error.reason);
        return error.reason;
    }
    return "";
}

}  // namespace

TEST_CASE("a file is read whole, an empty one as nothing, one of /proc though it says that it is empty") {
    const TemporaryFolder folder;
    const std::string text(100'000, 'x');
    write(folder / "full", text);
    write(folder / "empty", "");
    CHECK(read_file(folder / "full") == text);
    CHECK(read_file(folder / "empty") == "");
    CHECK(read_file("/proc/self/cmdline") != "");
}

TEST_CASE("what is no file is refused at once by what it is") {
    const TemporaryFolder folder;
    fs::create_directory(folder / "folder");
    REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    fs::create_symlink("fifo", folder / "link");
    CHECK(refusal(folder / "absent") == "No such file or directory");
    CHECK(refusal(folder / "folder") == "it is a folder, but a file is needed");
    CHECK(refusal(folder / "fifo") == "it is a FIFO, but a file is needed");
    CHECK(refusal(folder / "link") == "it is a FIFO, but a file is needed");
    CHECK(refusal("/dev/zero") == "it is a device, but a file is needed");
}

TEST_CASE("a file larger than expected is refused before it is read, and one of that size is not") {
    const TemporaryFolder folder;
    write(folder / "file", "12345");
    CHECK(read_file(folder / "file", 5) == "12345");
    CHECK(refusal(folder / "file", 4) == "it has 5 bytes, where no more than 4 are expected");
    fs::resize_file(folder / "file", uint64_t{1} << 40);  // a hole
    CHECK(refusal(folder / "file") == "it has 1099511627776 bytes, where no more than 100 are expected");
}

TEST_CASE("links are followed, unless they must not be") {
    const TemporaryFolder folder;
    write(folder / "file", "text");
    fs::create_symlink("file", folder / "link");
    CHECK(read_file(folder / "link") == "text");
    CHECK(refusal(folder / "link", 100, Links::refuse) == "it is a symbolic link, but a file is needed");
    CHECK(read_file(folder / "file", 100, Links::refuse) == "text");
}

TEST_CASE("a file is read in pieces, up to its end") {
    const TemporaryFolder folder;
    write(folder / "file", "abcde");
    InputFile file(folder / "file");
    CHECK(file.bytes() == 5);
    std::string piece(3, ' ');
    CHECK(file.read(piece) == 3);
    CHECK(piece == "abc");
    CHECK(file.read(piece) == 2);
    CHECK(piece.substr(0, 2) == "de");
    CHECK(file.read(piece) == 0);
}
