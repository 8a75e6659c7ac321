// WebP, GIF and TIFF: Pillow's pixels, and what of them is refused, by which name. A build without the
// library of one skips it and says so.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "data/image.h"
#include "data/image_format.h"
#include "data/orientation.h"
#include "tests/data/support.h"
#include "tests/data/tiff_bytes.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

Bytes golden(const std::string& name) { return read_bytes(golden_formats() / name); }

/// Whether this build reads the format of such files; says so where it does not.
bool is_read(const Bytes& bytes) {
    const ImageFormat format = image_format(bytes);
    if (format.is_read()) return true;
    CHECK(contains(decode_error(bytes), "which this build does not read: it was made without lib"));
    static std::set<std::string_view> said;
    if (said.insert(format.name).second)
        MESSAGE("skipped here and below: " << format.name << ", which this build does not read");
    return false;
}

bool is_read(const std::string& name) { return is_read(golden(name)); }

void put(Bytes& bytes, size_t at, uint64_t value, size_t count) {
    for (size_t i = 0; i < count; ++i) bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
}

long most_memory() {
    rusage now{};
    getrusage(RUSAGE_SELF, &now);
    return now.ru_maxrss;  // KiB
}

/// What a function writes to the standard error stream.
template <typename Function>
std::string standard_error_of(const Function& function) {
    const TemporaryFolder folder;
    const fs::path file = folder.path() / "error";
    const int before = dup(STDERR_FILENO);
    const int other = open(file.c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(other, STDERR_FILENO);
    function();
    dup2(before, STDERR_FILENO);
    close(other);
    close(before);
    const Bytes bytes = read_bytes(file);
    return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("every golden WebP, GIF and TIFF is decoded to Pillow's pixels") {
    int files = 0;
    for (const auto& entry : fs::directory_iterator(golden_formats())) {
        const fs::path expected_file = entry.path().string() + ".ppm";
        if (!fs::exists(expected_file)) continue;
        ++files;
        CAPTURE(entry.path().filename().string());
        if (!is_read(read_bytes(entry.path()))) continue;
        const Image image = read_image(entry.path());
        const Image expected = read_golden(expected_file);
        CHECK(image.height == expected.height);
        CHECK(image.width == expected.width);
        CHECK(image.pixels == expected.pixels);
    }
    CHECK(files == 57);
}

TEST_CASE("WebP, GIF and TIFF files cut short anywhere are refused") {
    for (const std::string& name :
         Names{"lossy.webp", "lossless.webp", "lossy_alpha.webp", "metadata.webp", "87a.gif", "rgb_8.tiff",
               "subsampled.tiff", "jpeg_pieces.tiff", "gray_12.tiff", "pillow_1.tiff"}) {
        CAPTURE(name);
        if (!is_read(name)) continue;
        const Bytes whole = golden(name);
        // The end of a GIF or TIFF says that there are no more frames or pages.
        const size_t needed = whole.size() - (name.ends_with(".webp") ? 0 : 8);
        for (size_t size = 0; size < needed; size += size < 40 ? 1 : 7) {
            CAPTURE(size);
            CHECK(contains(
                decode_error(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
                "folder/file: "));
        }
    }
}

TEST_CASE("a WebP, GIF or TIFF that claims to be large is refused before anything is allocated") {
    const auto refused = [](const Bytes& bytes, const std::string& reason) {
        if (!is_read(bytes)) return;
        const long before = most_memory();
        const std::string error = decode_error(bytes);
        CAPTURE(error);
        CHECK(contains(error, reason));
        CHECK(most_memory() - before < 50'000);
    };
    const std::string truncated = "the file is truncated: its header says";
    SUBCASE("WebP, lossy") {
        Bytes bytes = golden("lossy.webp");
        REQUIRE(std::string(&bytes[12], &bytes[16]) == "VP8 ");
        put(bytes, 26, 16'000, 2);
        put(bytes, 28, 16'000, 2);
        refused(bytes, truncated);
    }
    SUBCASE("WebP, lossless") {
        Bytes bytes = golden("lossless.webp");
        put(bytes, 21, 16'383 | 16'383 << 14, 4);
        refused(bytes, truncated);
    }
    SUBCASE("WebP, canvas") {
        Bytes bytes = golden("animation.webp");
        put(bytes, 24, 15'999, 3);
        put(bytes, 27, 15'999, 3);
        refused(bytes, truncated);
        put(bytes, 24, 0xFFFFFF, 3);
        put(bytes, 27, 0xFFFFFF, 3);
        refused(bytes, "16777216x16777216 pixels; at most 268435456 in all are read");
    }
    SUBCASE("GIF, canvas and frame") {
        Bytes bytes = golden("87a.gif");
        put(bytes, 6, 16'000, 2);
        put(bytes, 8, 16'000, 2);
        refused(bytes, truncated);
        put(bytes, 6, 0xFFFF, 2);
        put(bytes, 8, 0xFFFF, 2);
        refused(bytes, "65535x65535 pixels; at most");
    }
    SUBCASE("TIFF, in each compression") {
        for (const uint16_t compression : {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000}) {
            CAPTURE(compression);
            const uint16_t bits = compression >= 2 && compression <= 4 ? 1 : 8;
            refused(tiff_bytes({.width = 16'000,
                                .height = 16'000,
                                .bits = bits,
                                .compression = compression,
                                .most_bytes = 1000}),
                    truncated);
        }
        refused(tiff_bytes({.width = 1 << 28, .height = 1, .bits = 1, .compression = 4, .most_bytes = 1000}),
                truncated);
        refused(tiff_bytes({.width = 70'000, .height = 70'000}), "70000x70000 pixels; at most");
    }
    SUBCASE("TIFF, tiles") {
        refused(tiff_bytes({.tile_side = 16'000}), "its tiles are far larger than the image");
        refused(tiff_bytes({.tile_side = 0xFFFFFFF0}), "the TIFF data are damaged or truncated (");
    }
}

TEST_CASE("a GIF of a few bytes may have a small frame on a large canvas") {
    // 800 x 600, two colours; a frame of one pixel at (3, 2), of the second colour.
    const Bytes bytes{71, 73, 70, 56, 57, 97, 32, 3, 88, 2, 128, 0, 0, 10, 20, 30, 200, 100,
                      50, 44, 3,  0,  2,  0,  1,  0, 1,  0, 0,   2, 2, 76, 1,  0,  59};
    if (!is_read(bytes)) return;
    const Image image = decode_image(bytes, "small");
    CHECK(image.width == 800);
    CHECK(image.height == 600);
    size_t others = 0;
    for (size_t i = 0; i < image.pixels.size(); i += 3) others += image.pixels[i] != 10;
    CHECK(others == 1);  // as Pillow has it
    const size_t frame = 3 * (2 * 800 + 3);
    CHECK(image.pixels[frame] == 200);
    CHECK(image.pixels[frame + 2] == 50);
}

TEST_CASE("a TIFF of a kind that is not read is refused by its name") {
    if (!is_read(tiff_bytes({}))) return;
    const std::string rest = ", which is not supported";
    CHECK(decode_error(tiff_bytes({})) == "no error");
    CHECK(decode_error(tiff_bytes({.bits = 64, .format = 3})) ==
          "folder/file: a TIFF of 64-bit floats (gray, 1 sample a pixel, not compressed)" + rest);
    CHECK(decode_error(tiff_bytes({.bits = 16, .format = 3})) ==
          "folder/file: a TIFF of 16-bit floats (gray, 1 sample a pixel, not compressed)" + rest);
    CHECK(decode_error(tiff_bytes({.photometric = 8, .samples = 3})) ==
          "folder/file: a TIFF of 8-bit unsigned integers (CIE L*a*b*, 3 samples a pixel, not compressed)" +
              rest);
    CHECK(decode_error(tiff_bytes({.photometric = 2, .bits = 32, .format = 3, .samples = 3})) ==
          "folder/file: a TIFF of 32-bit floats (RGB, 3 samples a pixel, not compressed)" + rest);
    CHECK(contains(decode_error(tiff_bytes({.bits = 64, .format = 6})), "64-bit complex floats"));
    CHECK(contains(decode_error(tiff_bytes({.photometric = 6, .samples = 3})),
                   "(YCbCr, 3 samples a pixel, subsampled"));
    CHECK(contains(decode_error(tiff_bytes({.photometric = 2, .bits = 16, .samples = 3, .has_planes = true})),
                   "(RGB, 3 samples a pixel, in planes, not compressed)"));
    CHECK(decode_error(tiff_bytes({.compression = 34712})) ==
          "folder/file: a TIFF with compression number 34712" + rest);
    CHECK(contains(decode_error(tiff_bytes({.compression = 34892})), "a TIFF with "));
}

TEST_CASE("what a TIFF has beside its colours, and what only an old field says, is no reason to refuse it") {
    if (!is_read(tiff_bytes({}))) return;
    const Image plain = decode_image(tiff_bytes({}), "plain");
    CHECK(decode_image(tiff_bytes({.format = 4}), "unknown numbers").pixels == plain.pixels);
    // The second plane's strip is missing.
    CHECK(decode_image(tiff_bytes({.samples = 2, .has_planes = true}), "planes").pixels == plain.pixels);
}

TEST_CASE("a WebP shorter than the headers of most is read") {
    // 100 x 100 pixels of one colour, in three bytes of prefix codes.
    const Bytes bytes = {'R', 'I', 'F', 'F', 20, 0, 0,    0,    'W',  'E',  'B', 'P',  'V',  'P',
                         '8', 'L', 8,   0,   0,  0, 0x2F, 0x63, 0xC0, 0x18, 0,   0xC8, 0xC8, 0x08};
    if (!is_read(bytes)) return;
    const Image image = decode_image(bytes, "short");
    CHECK(image.width == 100);
    CHECK(image.height == 100);
    for (size_t i = 0; i < image.pixels.size(); ++i) REQUIRE(image.pixels[i] == (i % 3 == 0 ? 0 : 1));
}

TEST_CASE("a GIF with longer codes than giflib takes is refused by that") {
    Bytes bytes = golden("89a.gif");
    if (!is_read(bytes)) return;
    // The byte before the first block of codes: behind the descriptor of the frame and its palette.
    const auto frame =
        std::find(bytes.begin() + 13 + (bytes[10] & 0x80 ? 6 << (bytes[10] & 7) : 0), bytes.end(), ',');
    REQUIRE(bytes.end() - frame > 20);
    const int palette_bytes = frame[9] & 0x80 ? 6 << (frame[9] & 7) : 0;
    frame[10 + palette_bytes] = 11;
    CHECK(decode_error(bytes) == "folder/file: a GIF whose codes begin with 12 bits, which is not supported");
    bytes.resize(static_cast<size_t>(frame - bytes.begin()) + 10 + static_cast<size_t>(palette_bytes));
    CHECK(contains(decode_error(bytes), "the GIF data are damaged or truncated ("));
}

TEST_CASE("the orientation of a WebP is told, by its EXIF, and applied where it should be") {
    Bytes bytes = golden("metadata.webp");
    if (!is_read(bytes)) return;
    CHECK(decode_image(bytes, "as it was").orientation == 1);
    const Bytes field = {0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 1};
    const auto place = std::search(bytes.begin(), bytes.end(), field.begin(), field.end());
    REQUIRE(place != bytes.end());
    place[9] = 6;
    const Image stored = decode_image(bytes, "stored");
    CHECK(stored.orientation == 6);
    const Image upright = decode_image(bytes, "upright", Turning::upright);
    CHECK(upright.pixels == turned_upright(stored).pixels);
    CHECK(upright.pixels != stored.pixels);
}

TEST_CASE("a BigTIFF of the other byte order, which Pillow does not read, has the same pixels") {
    if (!is_read(tiff_bytes({}))) return;
    const Image expected = decode_image(tiff_bytes({.photometric = 2, .bits = 16, .samples = 3}), "little");
    CHECK(expected.width == 3);
    CHECK(expected.pixels != Bytes(expected.pixels.size(), expected.pixels[0]));
    for (const bool is_big : {false, true}) {
        for (const bool is_big_endian : {false, true}) {
            const Bytes bytes = tiff_bytes({.photometric = 2,
                                            .bits = 16,
                                            .samples = 3,
                                            .is_big = is_big,
                                            .is_big_endian = is_big_endian});
            CHECK(decode_image(bytes, "other").pixels == expected.pixels);
        }
    }
}

TEST_CASE("a TIFF is turned as its orientation says") {
    if (!is_read(tiff_bytes({}))) return;
    // 3 x 2 pixels: 0 1 2 above 3 4 5.
    const std::vector<Bytes> expected = {{0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0},
                                         {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5}, {3, 0, 4, 1, 5, 2},
                                         {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};
    for (uint16_t orientation = 1; orientation <= 8; ++orientation) {
        CAPTURE(orientation);
        const Image image = decode_image(tiff_bytes({.orientation = orientation}), "turned");
        CHECK(image.width == (orientation >= 5 ? 2 : 3));
        CHECK(image.height == (orientation >= 5 ? 3 : 2));
        Bytes reds;
        for (size_t i = 0; i < image.pixels.size(); i += 3) reds.push_back(image.pixels[i]);
        CHECK(reds == expected[orientation - 1u]);
    }
}

TEST_CASE("WebP, GIF and TIFF files are read only as far as their first image goes") {
    const TemporaryFolder folder;
    for (const char* name :
         {"lossy.webp", "animation.webp", "animated.gif", "rgb_8.tiff", "pillow_RGB.tiff"}) {
        CAPTURE(name);
        if (!is_read(std::string(name))) continue;
        const fs::path file = folder.path() / name;
        write_bytes(file, golden(name));
        fs::resize_file(file, uint64_t{1} << 42);
        const long before = most_memory();
        CHECK(read_image(file).pixels == read_golden(golden_formats() / (std::string(name) + ".ppm")).pixels);
        CHECK(most_memory() - before < 50'000);
    }
}

TEST_CASE("the first frame of an animation is read where the others are missing") {
    if (is_read("animated.gif")) {
        Bytes bytes = golden("animated.gif");
        bytes.resize(bytes.size() - 12);
        CHECK(decode_image(bytes, "cut").pixels == read_golden(golden_formats() / "animated.gif.ppm").pixels);
    }
}

TEST_CASE("what was read of a TIFF is known again, though it was not read in order") {
    if (!is_read(tiff_bytes({}))) return;
    const TemporaryFolder folder;
    const fs::path file = folder.path() / "a.tiff";
    Bytes bytes = tiff_bytes({.width = 300, .height = 300, .photometric = 2, .samples = 3});
    write_bytes(file, bytes);
    ContentHash content;
    read_image(file, &content);
    CHECK(content.bytes == bytes.size());  // the pixels lie at the end
    CHECK(hash_beginning(file, content.bytes) == content);
    bytes[bytes.size() - 10] ^= 1;
    write_bytes(file, bytes);
    CHECK(hash_beginning(file, content.bytes) != content);
}

TEST_CASE("libtiff, told of damage by many threads, prints nothing, and each is told of its own") {
    if (!is_read(tiff_bytes({}))) return;
    const Bytes whole = golden("jpeg_pieces.tiff");
    const Bytes sound = golden("rgb_8.tiff");
    const Bytes pixels = read_golden(golden_formats() / "rgb_8.tiff.ppm").pixels;
    const std::string printed = standard_error_of([&] {
        std::vector<std::thread> threads;
        for (size_t thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&, thread] {
                Bytes bytes = whole;
                for (size_t at = thread; at < bytes.size(); at += 4) {
                    bytes[at] ^= 0xFF;
                    decode_error(bytes);
                    bytes[at] ^= 0xFF;
                    if (at % 50 == thread) CHECK(decode_image(sound, "sound").pixels == pixels);
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
    });
    CHECK(printed == "");
}
