// PBM, PGM, PPM and PFM files, byte by byte: Pillow's pixels, and what is refused.

#include <doctest/doctest.h>

#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

/// One of three equal channels.
Bytes levels(const std::string& text) {
    Bytes first;
    const Image image = decode_image(bytes_of(text), "file");
    for (size_t i = 0; i < image.pixels.size(); i += 3) {
        CHECK(image.pixels[i] == image.pixels[i + 1]);
        CHECK(image.pixels[i] == image.pixels[i + 2]);
        first.push_back(image.pixels[i]);
    }
    return first;
}

std::string error_of_file(const std::string& text) {
    return error_of([&] { decode_image(bytes_of(text), "file"); });
}

template <typename... Values>
std::string with_bytes(std::string text, Values... values) {
    (text.push_back(static_cast<char>(values)), ...);
    return text;
}

}  // namespace

TEST_CASE("PBM: 1 is black, rows of bits are padded, digits may stand together") {
    CHECK(levels(with_bytes("P4 9 2\n", 0xAA, 0x80, 0x00, 0x7F)) ==
          Bytes{0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255});
    for (const char* text : {"P1 3 1 101", "P1 3 1 1 0 1\n", "P1\n#c\n3 1\n10#c\n1", "P1 3 1\n1\t0\r\n1"}) {
        CAPTURE(text);
        CHECK(levels(text) == Bytes{0, 255, 0});
    }
    CHECK(levels("P1 3 1 101 and more") == Bytes{0, 255, 0});  // what comes behind the image is not looked at
    CHECK(error_of_file("P1 3 1 1   ") == "file: the PBM file is truncated");
    CHECK(error_of_file("P1 3 1 1 2 1") == "file: the PBM file is damaged (a sample is neither 0 nor 1)");
    CHECK(contains(error_of_file("P1 30 1 1"), "the file is truncated: its header says 30x1 pixels"));
    CHECK(
        contains(error_of_file("P4 9000 9000\n"), "the file is truncated: its header says 9000x9000 pixels"));
}

TEST_CASE("plain PGM and PPM: samples as text are scaled as bytes are") {
    CHECK(levels("P2 2 1 7 3 #c\n7") == Bytes{109, 255});
    CHECK(levels("P2 2 1 7 3 +4") == Bytes{109, 146});
    CHECK(levels("P2 2 1 255 1#c\n2 3") == Bytes{12, 3});  // a comment does not end a number
    CHECK(levels("P2 3 1 1000 3 7 0 zzz") ==
          Bytes{197, 255, 0});  // gray above 255 is scaled to 65535 and clipped
    CHECK(levels("P2 1 1 65535 254") == Bytes{254});
    CHECK(decode_image(bytes_of("P3 1 1 7 3 4 5 6 7"), "file").pixels == Bytes{109, 146, 182});
    CHECK(decode_image(bytes_of("P3 1 1 65535 257 300 65535"), "file").pixels == Bytes{1, 1, 255});
    CHECK(error_of_file("P2 2 1 7 3 8") == "file: the PGM file is damaged (a sample is above the maximum)");
    CHECK(error_of_file("P2 2 1 7 3 -8") == "file: the PGM file is damaged (a number is missing)");
    CHECK(error_of_file("P2 2 1 7 3 4x") == "file: the PGM file is damaged (a number is missing)");
    CHECK(error_of_file("P3 1 1 7 00000000003 4 5") ==
          "file: the PPM file is damaged (a number is too long)");
    CHECK(error_of_file("P2 2 1 7 3       ") == "file: the PGM file is damaged (a number is missing)");
    CHECK(contains(error_of_file("P3 5000 5000 7 1 2 3"),
                   "the file is truncated: its header says 5000x5000 pixels"));
}

TEST_CASE(
    "gray PFM: floats are levels up to 255, rows come from below, the sign of the scale is their order") {
    // 0.5, 1.5, 300 and -3
    CHECK(levels(with_bytes("Pf\n2 2\n-1.0\n", 0, 0, 0, 0x3F, 0, 0, 0xC0, 0x3F, 0, 0, 0x96, 0x43, 0, 0, 0x40,
                            0xC0)) == Bytes{255, 0, 0, 1});
    // NaN and 254.9
    CHECK(levels(with_bytes("Pf 2 1 1\n", 0x7F, 0xC0, 0, 0, 0x43, 0x7E, 0xE6, 0x66)) == Bytes{0, 254});
    for (const char* scale : {"0", "nan", "inf", "x"}) {
        CAPTURE(scale);
        CHECK(contains(error_of_file(std::string("Pf 1 1 ") + scale + "\nabcd"), "the PFM file is damaged"));
    }
}

TEST_CASE("headers of PBM, PGM and PPM files that are damaged are named by their kind") {
    CHECK(error_of_file("P5 3 x") == "file: the PGM file is damaged (a number is missing)");
    CHECK(error_of_file("P4 3") == "file: the PBM file is damaged (a number is missing)");
    CHECK(error_of_file("P6 3 3") == "file: the PPM file is damaged (a number is missing)");
    CHECK(error_of_file("P5 3 3 0 ") == "file: the PGM maximum is 0; 1 to 65535 are allowed");
    CHECK(error_of_file("P3 3 3 65536 ") == "file: the PPM maximum is 65536; 1 to 65535 are allowed");
    CHECK(contains(error_of_file("P1 0 3 "), "the header says 0x3 pixels"));
    CHECK(contains(error_of_file("P1 99999 99999 "), "99999x99999 pixels; at most"));
}
