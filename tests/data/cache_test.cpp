// The packed cache: when it is used, when it is built again, and what happens where it cannot be written.

#include "data/cache.h"
#include "data/cache_file.h"
#include "data/file_listing.h"
#include "data/loader.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <xxhash.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

/// Three images, one of them damaged, packed at 4 x 4 pixels.
struct Fixture {
    TemporaryFolder folder;
    fs::path root = folder.path() / "set";
    PackOptions options;

    Fixture() {
        write_image(root / "a.ppm", 4, 4, 11, 0, 0);
        write_text(root / "b.ppm", "P6 4 4 255 too short");
        write_image(root / "c.ppm", 8, 8, 33, 0, 0);
        options.keeping.side = 4;
        options.cache_folder = folder.path() / "cache" / "below";
    }

    PackedImages pack() { return pack_images(root, list_images(root, "").images, options); }

    fs::path place() const { return cache_file(options.cache_folder, root, options.keeping); }

    /// 4 x 4 pixels of this red.
    static Bytes image_of(uint8_t red) {
        Bytes pixels(48, 0);
        for (size_t i = 0; i < pixels.size(); i += 3) pixels[i] = red;
        return pixels;
    }

    void check_contents(const PackedImages& packed, uint8_t first = 11) const {
        REQUIRE(packed.pixels.images == 3);
        CHECK(pixels_of(packed, 0) == image_of(first));
        CHECK(pixels_of(packed, 2) == image_of(33));
        REQUIRE(packed.undecoded.size() == 1);
        CHECK(packed.undecoded[0].index == 1);
        CHECK(packed.undecoded[0].reason ==
              "the file is truncated: its header says 4x4 pixels, its 20 bytes cannot hold them");
    }

    /// Damages the cache and expects it to be built again, once.
    template <typename Change>
    void check_rebuilt_after(const Change& change) {
        pack();
        REQUIRE(pack().from_cache);
        change();
        const PackedImages rebuilt = pack();
        CHECK(!rebuilt.from_cache);
        check_contents(rebuilt);
        const PackedImages again = pack();
        CHECK(again.from_cache);
        check_contents(again);
    }

    void flip_byte(size_t at) {
        Bytes bytes = read_bytes(place());
        bytes.at(at) ^= 0x40;
        write_bytes(place(), bytes);
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the second run maps what the first one decoded") {
    const PackedImages built = pack();
    CHECK(!built.from_cache);
    check_contents(built);
    const PackedImages mapped = pack();
    CHECK(mapped.from_cache);
    check_contents(mapped);
    CHECK(mapped.notices.empty());
    int files = 0;
    for (const auto& entry : fs::directory_iterator(options.cache_folder)) {
        CHECK(entry.path() == place());
        ++files;
    }
    CHECK(files == 1);  // nothing half-written is left
}

TEST_CASE_FIXTURE(Fixture, "a changed folder is decoded again") {
    SUBCASE("another time of change") {
        check_rebuilt_after([&] {
            fs::last_write_time(root / "a.ppm",
                                fs::last_write_time(root / "a.ppm") + std::chrono::seconds(2));
        });
    }
    SUBCASE("another content") {
        pack();
        write_image(root / "a.ppm", 5, 4, 12, 0, 0);
        const PackedImages packed = pack();
        CHECK(!packed.from_cache);
        check_contents(packed, 12);
    }
    SUBCASE("another list of files") {
        pack();
        std::vector<ImageFile> two = list_images(root, "").images;
        two.erase(two.begin() + 1);
        const PackedImages packed = pack_images(root, two, options);
        CHECK(!packed.from_cache);
        CHECK(packed.pixels.images == 2);
        CHECK(packed.undecoded.empty());
    }
    SUBCASE("another image size has its own cache") {
        pack();
        options.keeping.side = 2;
        CHECK(!pack().from_cache);
        options.keeping.side = 4;
        CHECK(pack().from_cache);
    }
}

TEST_CASE_FIXTURE(Fixture, "a cache that is damaged, cut short or no cache is built again") {
    const auto size = [&] { return fs::file_size(place()); };
    SUBCASE("magic") {
        check_rebuilt_after([&] { flip_byte(0); });
    }
    SUBCASE("version") {
        check_rebuilt_after([&] { flip_byte(8); });
    }
    SUBCASE("key") {
        check_rebuilt_after([&] { flip_byte(16); });
    }
    SUBCASE("checksum") {
        check_rebuilt_after([&] { flip_byte(80); });
    }
    SUBCASE("the place of an image") {
        check_rebuilt_after([&] { flip_byte(cache_pixels_offset + 2 * 64 + 16); });
    }
    SUBCASE("the list of skipped files") {
        check_rebuilt_after([&] { flip_byte(size() - 1); });
    }
    SUBCASE("a byte short") {
        check_rebuilt_after([&] { fs::resize_file(place(), size() - 1); });
    }
    SUBCASE("a byte long") {
        check_rebuilt_after([&] { fs::resize_file(place(), size() + 1); });
    }
    SUBCASE("half") {
        check_rebuilt_after([&] { fs::resize_file(place(), size() / 2); });
    }
    SUBCASE("empty") {
        check_rebuilt_after([&] { fs::resize_file(place(), 0); });
    }
    SUBCASE("foreign") {
        check_rebuilt_after([&] { write_text(place(), std::string(9000, 'x')); });
    }
    SUBCASE("gone") {
        check_rebuilt_after([&] { fs::remove(place()); });
    }
    SUBCASE("left half-written by a killed run") {
        check_rebuilt_after([&] {
            fs::rename(place(), place().string() + ".partial");
            fs::resize_file(place().string() + ".partial", 5000);
        });
    }
}

TEST_CASE_FIXTURE(Fixture,
                  "a damaged pixel is found when its image is first read, and the cache is then removed") {
    pack();
    // Which image lies first is the threads' affair.
    const size_t damaged = pack().pixels.places->at(0).offset == 0 ? 0 : 2;
    flip_byte(cache_pixels_offset + 5);
    const std::string sentence =
        "the cache of decoded images '" + place().string() + "' is damaged: run again, and it is made anew";
    const PackedImages packed = pack();
    CHECK(packed.from_cache);
    const ImageSet set{
        2, 4, 4, {0, 0}, {2 - static_cast<int64_t>(damaged), static_cast<int64_t>(damaged)}, packed.pixels};
    CHECK(set.image(0)[0] == (damaged == 0 ? 33 : 11));
    CHECK(fs::exists(place()));
    SUBCASE("by who reads it") {
        CHECK(error_of([&] { set.image(1); }) == sentence);
    }
    SUBCASE("by who reads ahead") {
        CHECK(error_of([&] { set.fetch(std::vector<int64_t>{0, 1}); }) == sentence);
    }
    SUBCASE("by the loader, though its batches hold no pixels") {
        Loader loader(set, {.batch_size = 2, .pixels = false});
        loader.start_epoch(1);
        Batch batch;
        CHECK(error_of([&] { loader.next(batch); }) == sentence);
    }
    SUBCASE("by who looks at all") {
        CHECK(error_of([&] { channel_statistics(set); }) == sentence);
    }
    SUBCASE("where another run replaced the cache meanwhile, that one stays") {
        fs::rename(place(), folder.path() / "old");
        check_contents(pack());
        CHECK(error_of([&] { set.image(1); }) == sentence);
        CHECK(pack().from_cache);
        return;
    }
    CHECK(!fs::exists(place()));
    check_contents(pack());
    check_contents(pack());
}

TEST_CASE_FIXTURE(Fixture, "verifying finds damaged pixels before the run begins") {
    pack();
    flip_byte(cache_pixels_offset + 5);
    options.verify = true;
    const PackedImages packed = pack();
    CHECK(!packed.from_cache);
    check_contents(packed);
    CHECK(packed.notices == std::vector<std::string>{
                                "there was no cache of decoded images to verify: all images were decoded"});
}

TEST_CASE_FIXTURE(Fixture, "opening a cache reads no pixels, and what a run knows its images by is in it") {
    check_contents(pack());
    flip_byte(cache_pixels_offset);
    const PackedImages packed = pack();
    CHECK(packed.from_cache);
    const Bytes first = image_of(11), last = image_of(33);
    CHECK(packed.pixels.file->hash(0) == XXH3_64bits(first.data(), first.size()));
    CHECK(packed.pixels.file->hash(2) == XXH3_64bits(last.data(), last.size()));
}

TEST_CASE_FIXTURE(Fixture, "a mapped cache stays readable while another run replaces it") {
    const PackedImages first = pack();
    fs::last_write_time(root / "a.ppm", fs::last_write_time(root / "a.ppm") + std::chrono::seconds(2));
    const PackedImages second = pack();
    CHECK(!second.from_cache);
    check_contents(first);
    check_contents(second);
}

TEST_CASE_FIXTURE(Fixture, "two runs at once share one cache") {
    std::vector<PackedImages> packed(4);
    {
        std::vector<std::jthread> runs;
        for (PackedImages& result : packed) runs.emplace_back([&] { result = pack(); });
    }
    int builders = 0;
    for (const PackedImages& result : packed) {
        check_contents(result);
        CHECK(result.notices.empty());
        builders += result.from_cache ? 0 : 1;
    }
    CHECK(builders == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "where the cache cannot be written the images stay in memory and a notice says so") {
    write_text(folder.path() / "cache", "a file where the folder should be");
    const PackedImages packed = pack();
    check_contents(packed);
    CHECK(!packed.from_cache);
    REQUIRE(packed.notices.size() == 1);
    CHECK(packed.notices[0] ==
          "the cache of decoded images cannot be written in '" + options.cache_folder.string() +
              "' (Not a directory): the images are kept in memory and the next run decodes them "
              "again");
}

TEST_CASE_FIXTURE(Fixture, "where there is no room for the cache the images stay in memory") {
    // A limit on the size of files stands in for a full disk: reserving the space fails alike.
    rlimit old_limit{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
    const auto old_handler = signal(SIGXFSZ, SIG_IGN);
    SUBCASE("of squares") {}
    SUBCASE("of images whose sizes are not known before") { options.keeping = {ImageShape::original, 4}; }
    const rlimit small{4100, old_limit.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    const PackedImages packed = pack();
    setrlimit(RLIMIT_FSIZE, &old_limit);
    signal(SIGXFSZ, old_handler);
    check_contents(packed);
    REQUIRE(packed.notices.size() == 1);
    CHECK(contains(packed.notices[0], "(File too large): the images are kept in memory"));
    CHECK(fs::is_empty(options.cache_folder));
}

TEST_CASE_FIXTURE(Fixture, "a failure while building leaves no file behind") {
    options.strict = true;
    CHECK(
        contains(error_of([&] { pack(); }),
                 "b.ppm: the file is truncated: its header says 4x4 pixels, its 20 bytes cannot hold them"));
    CHECK(fs::is_empty(options.cache_folder));
    options.strict = false;
    options.progress = [](int64_t, int64_t) { throw std::runtime_error("interrupted"); };
    CHECK_THROWS_WITH(pack(), "interrupted");
    options.progress = {};
    check_contents(pack());
}

TEST_CASE("a build that reads more formats makes a cache of its own") {
    const auto key = [](const std::string& formats) {
        return cache_key("/set", {{.path = "a.webp", .bytes = 9}}, {ImageShape::square, 8},
                         Turning::as_stored, formats);
    };
    CHECK(key("JPEG and PNG are read") == key("JPEG and PNG are read"));
    CHECK(!(key("JPEG and PNG are read") == key("JPEG, PNG and WebP are read")));
}

TEST_CASE("the default place of the cache follows XDG_CACHE_HOME and HOME") {
    const auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return value != nullptr ? std::string(value) : std::string();
    };
    const std::string old_cache = variable("XDG_CACHE_HOME"), old_home = variable("HOME");
    setenv("XDG_CACHE_HOME", "/somewhere", 1);
    setenv("HOME", "/home/me", 1);
    CHECK(default_cache_folder() == "/somewhere/vitrine");
    setenv("XDG_CACHE_HOME", "relative", 1);  // the specification says to ignore it
    CHECK(default_cache_folder() == "/home/me/.cache/vitrine");
    unsetenv("XDG_CACHE_HOME");
    CHECK(default_cache_folder() == "/home/me/.cache/vitrine");
    unsetenv("HOME");
    CHECK(default_cache_folder().empty());
    if (!old_cache.empty()) setenv("XDG_CACHE_HOME", old_cache.c_str(), 1);
    if (!old_home.empty()) setenv("HOME", old_home.c_str(), 1);
}
