// What an image may cost: files that promise more pixels, rows, scans or bytes than there are, told before they are paid for.

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ctime>

#include "data/image.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

/// The golden PNG with another width and height in its header, its checksum put right.
Bytes png_with_size(uint32_t width, uint32_t height) {
    Bytes bytes = read_bytes(golden_images() / "rgb.png");
    put_big_endian(bytes, 16, width);
    put_big_endian(bytes, 20, height);
    put_big_endian(bytes, 29, static_cast<uint32_t>(crc32_z(0, &bytes[12], 17)));
    return bytes;
}

/// The golden BMP with another width and height in its header.
Bytes bmp_with_size(int32_t width, int32_t height) {
    Bytes bytes = read_bytes(golden_images() / "rgb.bmp");
    std::memcpy(&bytes[18], &width, sizeof width);
    std::memcpy(&bytes[22], &height, sizeof height);
    return bytes;
}

rusage usage() {
    rusage now{};
    getrusage(RUSAGE_SELF, &now);
    return now;
}

/// The golden JPEG with another width and height in its frame header.
Bytes jpeg_with_size(uint16_t width, uint16_t height) {
    Bytes bytes = read_bytes(golden_images() / "rgb_420.jpg");
    const uint8_t start_of_frame[] = {0xFF, 0xC0};
    const auto frame = std::search(bytes.begin(), bytes.end(), start_of_frame, start_of_frame + 2);
    REQUIRE(frame != bytes.end());
    frame[5] = static_cast<uint8_t>(height >> 8);
    frame[6] = static_cast<uint8_t>(height & 0xFF);
    frame[7] = static_cast<uint8_t>(width >> 8);
    frame[8] = static_cast<uint8_t>(width & 0xFF);
    return bytes;
}

}  // namespace

TEST_CASE("an image too large for any memory is refused from its header alone") {
    const std::string limit = " pixels; at most 268435456 in all are read";
    CHECK(decode_error(png_with_size(70'000, 70'000)) == "folder/file: the header says 70000x70000" + limit);
    CHECK(contains(decode_error(png_with_size(0x7FFFFFFF, 0x7FFFFFFF)), "2147483647x2147483647" + limit));
    CHECK(contains(decode_error(jpeg_with_size(65'000, 65'000)), "65000x65000" + limit));
    CHECK(contains(decode_error(bytes_of("P6 70000 70000 255 ")), "70000x70000" + limit));
    CHECK(contains(decode_error(bytes_of("P5 9999999999 9999999999 255 ")), "9999999999x9999999999" + limit));
    CHECK(contains(decode_error(bmp_with_size(70'000, 70'000)), "70000x70000" + limit));
    CHECK(contains(decode_error(bmp_with_size(1, INT32_MIN)), "1x2147483648" + limit));
    CHECK(contains(decode_error(bmp_with_size(INT32_MIN, 1)), "the header says -2147483648x1 pixels"));
}

TEST_CASE("a size that the bytes of the file cannot hold is refused before anything is allocated") {
    const auto refused = [](const Bytes& bytes) {
        const rusage before = usage();
        CHECK(contains(decode_error(bytes), "the file is truncated: its header says"));
        CHECK(usage().ru_maxrss - before.ru_maxrss < 50'000);  // KiB; the pixels would have 300 MB and more
    };
    refused(png_with_size(10'000, 10'000));
    refused(png_with_size(70'000, 1000));
    refused(jpeg_with_size(12'000, 9'000));
    refused(bmp_with_size(10'000, -10'000));
    refused(bytes_of("P6 10000 10000 255 "));
    refused(bytes_of("P5 10000 10000 65535 "));
}

TEST_CASE("a PNG that inflates to more than its rows need is inflated no further") {
    // 64 MiB of zeros behind the header of an image of 3 x 3 pixels.
    Bytes bytes = read_bytes(golden_images() / "rgb.png");
    Bytes inflated(64 << 20, 0);
    uLongf packed_bytes = compressBound(inflated.size());
    Bytes chunk(packed_bytes + 12);
    REQUIRE(compress2(&chunk[8], &packed_bytes, inflated.data(), inflated.size(), 1) == Z_OK);
    chunk.resize(packed_bytes + 12);
    put_big_endian(chunk, 0, static_cast<uint32_t>(packed_bytes));
    std::copy_n("IDAT", 4, chunk.begin() + 4);
    put_big_endian(chunk, chunk.size() - 4, static_cast<uint32_t>(crc32_z(0, &chunk[4], packed_bytes + 4)));
    Bytes bomb = png_with_size(3, 3);
    bomb.resize(33);  // up to the end of the header's chunk
    bomb.insert(bomb.end(), chunk.begin(), chunk.end());
    bomb.insert(bomb.end(), bytes.end() - 12, bytes.end());
    const auto seconds_of = [](const auto& work) {
        const clock_t before = std::clock();
        work();
        return static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
    };
    const double decoding = seconds_of([&] { CHECK(decode_image(bomb, "bomb").pixels == Bytes(27, 0)); });
    const double inflating = seconds_of([&] {
        uLongf all = inflated.size();
        CHECK(uncompress(inflated.data(), &all, &chunk[8], packed_bytes) == Z_OK);
    });
    CHECK(decoding < inflating / 4);
}

TEST_CASE("a JPEG may have as many scans as an encoder could have a use for, and no more") {
    const Bytes whole = read_bytes(golden_images() / "progressive.jpg");
    const uint8_t start_of_scan[] = {0xFF, 0xDA}, table[] = {0xFF, 0xC4};
    const auto scan = std::search(whole.begin(), whole.end(), start_of_scan, start_of_scan + 2);
    const auto scan_end = std::search(scan, whole.end(), table, table + 2);
    const auto with_scans = [&](int more) {
        Bytes bytes(whole.begin(), scan_end);
        for (int i = 0; i < more; ++i) bytes.insert(bytes.end(), scan, scan_end);
        bytes.insert(bytes.end(), scan_end, whole.end());
        return bytes;
    };
    CHECK(decode_error(with_scans(100)) == "no error");
    CHECK(decode_error(with_scans(21'052)) ==
          "folder/file: the JPEG data are damaged or truncated (more scans than an image needs)");
}

TEST_CASE("a file is read only as far as its image goes") {
    const TemporaryFolder folder;
    const auto file = folder.path() / "sparse";
    const auto sparse = [&](const Bytes& beginning) {
        write_bytes(file, beginning);
        std::filesystem::resize_file(file, uint64_t{1} << 42);
        const rusage before = usage();
        const std::string error = error_of([&] { read_image(file); });
        CHECK(usage().ru_maxrss - before.ru_maxrss < 50'000);
        return error;
    };
    CHECK(sparse(read_bytes(golden_images() / "rgb.png")) == "no error");
    CHECK(sparse(read_bytes(golden_images() / "rgb.bmp")) == "no error");
    CHECK(sparse(read_bytes(golden_images() / "gray.pgm")) == "no error");
    CHECK(sparse(read_bytes(golden_images() / "rgb_420.jpg")) == "no error");
    // No frame header ever comes.
    CHECK(contains(sparse({0xFF, 0xD8, 0xFF, 0xE0, 0, 2}), "the image does not end within 67108864 bytes"));
    CHECK(contains(sparse({}), "not an image file"));
}
