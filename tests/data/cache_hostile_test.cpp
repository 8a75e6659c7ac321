// The packed cache where somebody lies: contents under checksums that are right, files that are not what they
// seem, files that change while they are mapped, images whose bytes changed and nothing else.

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <limits>
#include <thread>

#include "data/cache_file.h"
#include "data/file_listing.h"
#include "data/loader.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

/// Three images, the middle one damaged, packed at 4 x 4 pixels.
struct Fixture {
    TemporaryFolder folder;
    fs::path root = folder.path() / "set";
    PackOptions options;

    Fixture() {
        write_image(root / "a.ppm", 4, 4, 11, 0, 0);
        write_text(root / "b.ppm", "P6 4 4 255 too short");
        write_image(root / "c.ppm", 4, 4, 33, 0, 0);
        options.keeping.side = 4;
        options.cache_folder = folder.path() / "cache";
    }

    std::vector<ImageFile> files() const { return list_images(root, "").images; }
    PackedImages pack() const { return pack_images(root, files(), options); }
    fs::path place() const { return cache_file(options.cache_folder, root, options.keeping); }

    void check_contents(const PackedImages& packed) const {
        REQUIRE(packed.pixels.images == 3);
        CHECK(pixels_of(packed, 0)[0] == 11);
        CHECK(pixels_of(packed, 2)[0] == 33);
        REQUIRE(packed.undecoded.size() == 1);
        CHECK(packed.undecoded[0].index == 1);
    }

    /// A cache whose header and records say what `change` made of them, and whose checksums say that all is
    /// well.
    template <typename Change>
    void check_refused(const Change& change) {
        pack();
        Bytes bytes = read_bytes(place());
        CacheHeader header;
        std::memcpy(&header, bytes.data(), sizeof header);
        const auto records_at = static_cast<std::ptrdiff_t>(cache_pixels_offset + header.pixel_bytes);
        Bytes records(bytes.begin() + records_at, bytes.end());
        change(header, records);
        bytes.resize(static_cast<size_t>(records_at));
        bytes.insert(bytes.end(), records.begin(), records.end());
        header.file_bytes = bytes.size();
        header.records_hash = XXH3_64bits(records.data(), records.size());
        header.header_hash = XXH3_64bits(&header, offsetof(CacheHeader, header_hash));
        std::memcpy(bytes.data(), &header, sizeof header);
        write_bytes(place(), bytes);
        const PackedImages packed = pack();
        CHECK(!packed.from_cache);
        check_contents(packed);
    }
};

constexpr size_t contents_bytes = 3 * sizeof(FileRecord);

template <typename Value>
void put(Bytes& bytes, size_t at, Value value) {
    std::memcpy(&bytes.at(at), &value, sizeof value);
}

/// Lets the clock of the file system go on, so that what is written next has another time.
void wait_a_tick() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a cache that lies under checksums that are right is built again") {
    SUBCASE("nothing changed is not refused, so that the others say something") {
        pack();
        CHECK(pack().from_cache);
    }
    for (const int64_t index :
         {int64_t{1'000'000}, int64_t{-1}, int64_t{3}, std::numeric_limits<int64_t>::min()}) {
        CAPTURE(index);
        check_refused([&](CacheHeader&, Bytes& records) { put(records, contents_bytes, index); });
    }
    for (const uint64_t length : {uint64_t{1'000'000'000}, ~uint64_t{0}, uint64_t{0}, uint64_t{1} << 63}) {
        CAPTURE(length);
        check_refused([&](CacheHeader&, Bytes& records) { put(records, contents_bytes + 8, length); });
    }
    for (const uint64_t count : {uint64_t{1} << 60, uint64_t{4}, uint64_t{2}, uint64_t{0}, ~uint64_t{0}}) {
        CAPTURE(count);
        check_refused([&](CacheHeader& header, Bytes&) { header.undecoded = count; });
    }
    SUBCASE("the same file twice") {
        check_refused([](CacheHeader& header, Bytes& records) {
            const Bytes record(records.begin() + contents_bytes, records.end());
            records.insert(records.end(), record.begin(), record.end());
            header.undecoded = 2;
        });
    }
    SUBCASE("no records") {
        check_refused([](CacheHeader&, Bytes& records) { records.clear(); });
    }
    SUBCASE("more files") {
        check_refused([](CacheHeader& header, Bytes&) { header.files = uint64_t{1} << 60; });
    }
}

TEST_CASE_FIXTURE(Fixture, "a cache that lies about where its images are, or how large, is built again") {
    constexpr size_t place = offsetof(FileRecord, place), last = 2 * sizeof(FileRecord) + place;
    const auto place_of = [](const Bytes& records, size_t at) {
        ImagePlace value;
        std::memcpy(&value, &records.at(at), sizeof value);
        return value;
    };
    for (const ImageShape shape : {ImageShape::square, ImageShape::aspect, ImageShape::original}) {
        CAPTURE(name_of(shape));
        options.keeping = {shape, 4};
        check_refused([&](CacheHeader& header, Bytes&) { header.side = 5; });
        check_refused([&](CacheHeader& header, Bytes&) { header.shape = 3; });
        check_refused([&](CacheHeader& header, Bytes&) { header.pixel_bytes = 0; });
        for (const uint64_t bytes : {uint64_t{1} << 62, ~uint64_t{0}, ~uint64_t{0} - 4095, uint64_t{129}})
            check_refused([&](CacheHeader& header, Bytes&) { header.pixel_bytes = bytes; });
        for (const int64_t offset :
             {int64_t{-1}, int64_t{128 - 47}, int64_t{128}, std::numeric_limits<int64_t>::max(),
              std::numeric_limits<int64_t>::max() - 47, std::numeric_limits<int64_t>::min()}) {
            CAPTURE(offset);
            check_refused([&](CacheHeader&, Bytes& records) { put(records, place, offset); });
        }
        constexpr int32_t largest = std::numeric_limits<int32_t>::max();
        for (const auto& [height, width] : std::vector<std::pair<int32_t, int32_t>>{
                 {0, 4}, {4, 0}, {-4, -4}, {largest, largest}, {4, largest}, {1 << 30, 4}, {5, 5}, {4, 44}}) {
            CAPTURE(height);
            CAPTURE(width);
            check_refused([&, size = std::pair(height, width)](CacheHeader&, Bytes& records) {
                put(records, place + 8, size.first);
                put(records, place + 12, size.second);
            });
        }
        SUBCASE("two images in one place") {
            check_refused(
                [&](CacheHeader&, Bytes& records) { put(records, last, place_of(records, place)); });
        }
        SUBCASE("two images that overlap") {
            check_refused([&](CacheHeader&, Bytes& records) {
                const int64_t there = place_of(records, place).offset;
                put(records, last, there > 0 ? there - 47 : there + 47);
            });
        }
        SUBCASE("a place for what is no image") {
            check_refused(
                [&](CacheHeader&, Bytes& records) { put(records, sizeof(FileRecord) + place + 8, 1); });
        }
        SUBCASE("an image without a place") {
            check_refused([&](CacheHeader&, Bytes& records) { put(records, place, ImagePlace{}); });
        }
    }
}

TEST_CASE_FIXTURE(Fixture, "a size that another way of keeping would give is refused") {
    options.keeping = {ImageShape::square, 4};
    check_refused([&](CacheHeader&, Bytes& records) {  // as many bytes in another shape
        put(records, offsetof(FileRecord, place) + 8, 2);
        put(records, offsetof(FileRecord, place) + 12, 8);
    });
    options.keeping = {ImageShape::aspect, 4};
    check_refused([&](CacheHeader&, Bytes& records) { put(records, offsetof(FileRecord, place) + 8, 3); });
    options.keeping = {ImageShape::original, 3};
    write_image(root / "a.ppm", 3, 4, 11, 0, 0);
    write_image(root / "c.ppm", 3, 4, 33, 0, 0);
    check_refused([&](CacheHeader&, Bytes& records) { put(records, offsetof(FileRecord, place) + 8, 4); });
}

TEST_CASE_FIXTURE(Fixture, "what is planted at the names of the cache is neither followed nor waited for") {
    const fs::path victim = folder.path() / "victim";
    write_text(victim, "precious");
    fs::create_directories(options.cache_folder);
    const auto victim_is_whole = [&] {
        return read_bytes(victim) == Bytes{'p', 'r', 'e', 'c', 'i', 'o', 'u', 's'};
    };
    SUBCASE("a link at the lock") {
        fs::create_symlink(victim, place().string() + ".lock");
        check_contents(pack());
        CHECK(pack().from_cache);
    }
    SUBCASE("a link at the cache") {
        fs::create_symlink(victim, place());
        check_contents(pack());
        CHECK(pack().from_cache);
        CHECK(!fs::is_symlink(place()));
    }
    SUBCASE("a link to a sound cache is not trusted") {
        pack();
        fs::rename(place(), folder.path() / "elsewhere");
        fs::create_symlink(folder.path() / "elsewhere", place());
        CHECK(!pack().from_cache);
    }
    SUBCASE("a pipe at the lock") {
        REQUIRE(mkfifo((place().string() + ".lock").c_str(), 0600) == 0);
        check_contents(pack());
        CHECK(pack().from_cache);
    }
    SUBCASE("a pipe at the cache") {
        REQUIRE(mkfifo(place().c_str(), 0600) == 0);
        const PackedImages packed = pack();
        check_contents(packed);
        REQUIRE(packed.notices.size() == 1);
        CHECK(contains(packed.notices[0], "' is a FIFO): the images are kept in memory"));
        CHECK(fs::is_fifo(place()));
    }
    SUBCASE("a folder at the cache") {
        fs::create_directories(place() / "below");
        const PackedImages packed = pack();
        check_contents(packed);
        REQUIRE(packed.notices.size() == 1);
        CHECK(contains(packed.notices[0], "' is a folder): the images are kept in memory"));
    }
    CHECK(victim_is_whole());
}

TEST_CASE_FIXTURE(Fixture, "what killed builders left is removed by the next, and nothing else is") {
    fs::create_directories(options.cache_folder);
    write_text(place().string() + ".0123456789abcdef.tmp", "half a cache");
    write_text(options.cache_folder / "other.0123456789abcdef.tmp", "another's");
    pack();
    CHECK(!fs::exists(place().string() + ".0123456789abcdef.tmp"));
    CHECK(fs::exists(options.cache_folder / "other.0123456789abcdef.tmp"));
}

TEST_CASE_FIXTURE(Fixture, "a cache that is cut short while it is mapped is told, and crashes nothing") {
    write_image(root / "d.ppm", 4, 4, 44, 0, 0);
    options.keeping.side = 64;  // several pages
    pack();
    const PackedImages packed = pack();
    REQUIRE(packed.from_cache);
    CHECK_NOTHROW(packed.pixels.require_intact());
    wait_a_tick();
    fs::resize_file(place(), 4096);
    CHECK(packed.pixels.data[2 * 64 * 64 * 3] == 0);  // read from where nothing is left
    CHECK(contains(error_of([&] { packed.pixels.file->check(3); }), "was cut short or written to"));
    CHECK(error_of([&] { packed.pixels.require_intact(); }) ==
          "the cache of decoded images '" + place().string() +
              "' was cut short or written to while this run read it: run again, and it is made anew");
    CHECK(!pack().from_cache);
}

TEST_CASE_FIXTURE(Fixture, "a cache that is written to while it is mapped ends the epoch") {
    pack();
    const PackedImages packed = pack();
    ImageSet set{2, 4, 4, {0, 0}, {0, 2}, packed.pixels};
    Loader loader(set, {.batch_size = 1});
    loader.start_epoch(1);
    Batch batch;
    CHECK(loader.next(batch));
    wait_a_tick();
    std::fstream(place(), std::ios::binary | std::ios::in | std::ios::out).seekp(cache_pixels_offset) << 'x';
    CHECK(contains(error_of([&] { loader.next(batch); }),
                   "was cut short or written to while this run read it"));
    CHECK(!pack().from_cache);
}

TEST_CASE_FIXTURE(Fixture, "files whose bytes changed while size and time stayed are decoded again") {
    pack();
    const auto time = fs::last_write_time(root / "a.ppm");
    wait_a_tick();
    SUBCASE("written in place") { write_image(root / "a.ppm", 4, 4, 99, 0, 0); }
    SUBCASE("replaced by another file") {
        write_image(root / "new", 4, 4, 99, 0, 0);
        fs::rename(root / "new", root / "a.ppm");
    }
    fs::last_write_time(root / "a.ppm", time);
    const PackedImages packed = pack();
    CHECK(!packed.from_cache);
    CHECK(pixels_of(packed, 0)[0] == 99);
}

TEST_CASE_FIXTURE(Fixture, "verifying reads every file, whatever its times say") {
    const std::vector<ImageFile> listed = files();
    options.verify = true;
    PackedImages packed = pack_images(root, listed, options);
    CHECK(packed.notices == std::vector<std::string>{
                                "there was no cache of decoded images to verify: all images were decoded"});
    packed = pack_images(root, listed, options);
    CHECK(packed.from_cache);
    CHECK(packed.notices ==
          std::vector<std::string>{
              "the cache of decoded images was verified: it is of the 3 files that are there"});

    // The same entries, as a file system without times and inodes would give.
    write_image(root / "a.ppm", 4, 4, 99, 0, 0);
    write_text(root / "b.ppm", "P6 4 4 255 too SHORT");
    options.verify = false;
    CHECK(pixels_of(pack_images(root, listed, options), 0)[0] == 11);  // what verifying is for
    options.verify = true;
    packed = pack_images(root, listed, options);
    CHECK(!packed.from_cache);
    CHECK(pixels_of(packed, 0)[0] == 99);
    CHECK(packed.notices ==
          std::vector<std::string>{
              "the cache of decoded images was stale: 2 of 3 files hold other bytes than it was made "
              "of; all images were decoded again"});
    options.verify = false;
    CHECK(pack_images(root, listed, options).from_cache);
}
