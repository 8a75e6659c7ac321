// Which files are images, and what happens to those that only look like it.

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "data/file_listing.h"
#include "data/image_format.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

struct Fixture {
    TemporaryFolder folder;
    fs::path root = folder.path() / "set";

    void image(const fs::path& path) { write_image(root / path, 1, 1, 1, 2, 3); }

    std::vector<std::string> listed(const std::string& below = "") {
        std::vector<std::string> paths;
        for (const ImageFile& file : list_images(root, below).images) paths.push_back(file.path);
        return paths;
    }

    /// What is said of a path; empty where it is not among what was left out.
    SkippedFile skipped(const std::string& path) {
        const FileListing found = list_images(root, "");
        const auto place = std::ranges::find(found.skipped, (root / path).string(), &SkippedFile::path);
        return place == found.skipped.end() ? SkippedFile{} : *place;
    }

    void check_damaged(const std::string& path, const std::string& reason) {
        CAPTURE(path);
        CHECK(skipped(path).reason == reason);
        CHECK(skipped(path).kind == SkippedKind::damaged);
    }
};

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "listing: images by their names, in the order of bytes, without hidden ones") {
    for (const char* path :
         {"b.ppm", "B.PPM", "a/2.ppm", "a/10.ppm", "a.b/x.jpg", ".x.ppm", ".h/x.ppm", "@eaDir/x.ppm"})
        image(path);
    write_text(root / "a" / "notes.txt", "");
    CHECK(listed() == Paths{"B.PPM", "a/10.ppm", "a/2.ppm", "a.b/x.jpg", "b.ppm"});
    CHECK(listed("a") == Paths{"a/10.ppm", "a/2.ppm"});
    CHECK(skipped("a/notes.txt").kind == SkippedKind::no_image);
    const ImageFile file = list_images(root, "a").images.front();
    CHECK(file.bytes == fs::file_size(root / "a/10.ppm"));
    CHECK(file.changed > 1'700'000'000'000'000'000);  // nanoseconds since 1970
}

TEST_CASE_FIXTURE(Fixture, "listing: what is no file is never opened, and said") {
    image("good.ppm");
    REQUIRE(mkfifo((root / "pipe.jpg").c_str(), 0644) == 0);
    REQUIRE(mkfifo((root / "pipe").c_str(), 0644) == 0);
    REQUIRE(mkfifo((root / "pipe.log").c_str(), 0644) == 0);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{AF_UNIX, {}};
    (root / "s.jpg").string().copy(address.sun_path, sizeof address.sun_path - 1);
    const auto* general = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    REQUIRE(::bind(socket, general, sizeof address) == 0);
    ::close(socket);
    fs::create_symlink("/dev/zero", root / "zero.png");
    fs::create_symlink("nowhere.jpg", root / "dangling.jpg");
    fs::create_symlink("nowhere", root / "dangling");
    fs::create_symlink("itself.jpg", root / "itself.jpg");
    CHECK(listed() == Paths{"good.ppm"});
    check_damaged("pipe.jpg", "a named pipe, not a file");
    check_damaged("pipe", "a named pipe, not a file");
    CHECK(skipped("pipe.log").kind == SkippedKind::no_image);
    check_damaged("s.jpg", "a socket, not a file");
    check_damaged("zero.png", "a device, not a file");
    check_damaged("dangling.jpg", "a link to a file that does not exist");
    check_damaged("dangling", "a link to a file that does not exist");
    check_damaged("itself.jpg", "cannot be read (Too many levels of symbolic links)");
}

TEST_CASE_FIXTURE(Fixture, "listing: files that look like images, and others that do not") {
    write_text(root / "a.gif", "GIF89a");
    write_text(root / "b.heic", "?");
    write_text(root / "c.jfif", "\xff\xd8\xff\xe0");
    write_text(root / "bits.pbm", "P1 1 1 1");
    write_text(root / "bits", "P1 1 1 1");
    write_text(root / "icon.ico", std::string("\0\0\1\0\1\0", 6));
    write_text(root / "d", "\x89PNG\r\n\x1a\n");
    write_text(root / "README", "read me");
    write_text(root / "film", std::string("\0\0\0\x20"
                                          "ftypisom",
                                          12));
    CHECK(listed().empty());
    const std::string rest = ", left out as torchvision's ImageFolder leaves out names that end in ";
    check_damaged("a.gif", "a GIF file" + rest + ".gif");
    check_damaged("b.heic", "a .heic file, which is not supported: " + readable_formats());
    check_damaged("c.jfif", "a JPEG file" + rest + ".jfif");
    check_damaged("bits.pbm", "a PBM file" + rest + ".pbm");
    check_damaged("bits", "a PBM file by its content, but its name does not end like one of an image");
    check_damaged("icon.ico", "an ICO file, which is not supported: " + readable_formats());
    check_damaged("d", "a PNG file by its content, but its name does not end like one of an image");
    CHECK(skipped("README").kind == SkippedKind::no_image);
    CHECK(skipped("film").kind == SkippedKind::no_image);
}

TEST_CASE_FIXTURE(Fixture, "listing: a folder is listed once, whatever links lead to it") {
    image("a/x.ppm");
    fs::create_directory_symlink("a", root / "b");
    fs::create_directory_symlink("..", root / "a" / "up");
    fs::create_directory_symlink(".", root / "a" / "here");
    fs::create_symlink("a/x.ppm", root / "c.ppm");  // a file, unlike a folder, may be meant
    CHECK(listed() == Paths{"a/x.ppm", "c.ppm"});
    for (const char* path : {"b", "a/up", "a/here"}) CHECK(skipped(path).kind == SkippedKind::duplicate);
    // Two links a level would be 2^40 folders.
    for (int level = 0; level < 40; ++level) {
        const fs::path place = root / "maze" / std::to_string(level);
        fs::create_directories(place);
        for (const char* name : {"left", "right"})
            fs::create_directory_symlink("../" + std::to_string(level + 1), place / name);
    }
    image("maze/40/y.ppm");
    CHECK(listed().size() == 3);
}

TEST_CASE_FIXTURE(Fixture, "listing: folders below the deepest are left out, and said") {
    fs::path path = "class";
    for (int level = 0; level < deepest_folder - 2; ++level) path /= "d";
    image(path / "in.ppm");
    image(path / "e" / "last.ppm");
    image(path / "e" / "f" / "out.ppm");
    CHECK(listed() == Paths{(path / "e" / "last.ppm").string(), (path / "in.ppm").string()});
    check_damaged((path / "e" / "f").string(), "more than 64 folders deep");
}

TEST_CASE_FIXTURE(Fixture, "listing: names of any bytes are listed as they are and told as text") {
    image("caf\xe9.ppm");
    write_text(root / "a\nb\xe9.txt", "");
    CHECK(listed() == Paths{"caf\xe9.ppm"});
    const FileListing found = list_images(root, "");
    REQUIRE(found.skipped.size() == 1);
    CHECK(found.skipped[0].path == (root / "a\\x0ab\\xe9.txt").string());
}

TEST_CASE_FIXTURE(Fixture, "listing: a folder that cannot be read is said") {
    image("a/x.ppm");
    image("b/y.ppm");
    fs::permissions(root / "b", fs::perms::none);
    if (geteuid() != 0) {
        CHECK(listed() == Paths{"a/x.ppm"});
        check_damaged("b", "cannot be read (Permission denied)");
    }
    fs::permissions(root / "b", fs::perms::owner_all);
    CHECK(skipped("").reason == "");
    CHECK(list_images(root, "missing").skipped.at(0).reason == "cannot be read (No such file or directory)");
    CHECK(holds_image(root));
    CHECK(!holds_image(root / "missing"));
}
