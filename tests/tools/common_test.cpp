// The parts that the programs share.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/error.h"
#include "kernels/scores.h"
#include "tools/common/command_line.h"
#include "tools/common/csv.h"
#include "tools/common/scores.h"
#include "tools/common/units.h"

namespace vitrine::tools {
namespace {

TEST_CASE("numbers on the command line are whole texts inside their range") {
    CHECK(parse_number("--x", "1e-3", {0.0, 1.0}) == 1e-3);
    CHECK(parse_number("--x", "1", {0.0, 1.0}) == 1.0);
    CHECK_THROWS_WITH_AS(parse_number("--x", "1", {0.0, 1.0, true, true}),
                         "--x 1: a number above 0 and below 1 is needed", Error);
    for (const char* text : {"", " 1", "1 ", "0x1", "1,5", "nan", "-inf"})
        CHECK_THROWS_AS(parse_number("--x", text, {-1e300, 1e300}), Error);
    CHECK(parse_whole("--n", "7", 1, 9) == 7);
    for (const char* text : {"", "0", "10", "7.0", "99999999999999999999"})
        CHECK_THROWS_AS(parse_whole("--n", text, 1, 9), Error);
}

TEST_CASE("CSV fields are quoted where RFC 4180 asks for it") {
    CHECK(csv_line({"Id", "Category"}) == "Id,Category\n");
    CHECK(csv_line({"", ""}) == ",\n");
    CHECK(csv_line({"a,b", "say \"hi\""}) == "\"a,b\",\"say \"\"hi\"\"\"\n");
    CHECK(csv_field("two\nlines") == "\"two\nlines\"");
    CHECK(csv_field("a;b") == "\"a;b\"");
}

TEST_CASE("CSV fields that a spreadsheet would run get an apostrophe, and no two texts become the same") {
    CHECK(csv_field("=1+1") == "'=1+1");
    CHECK(csv_field("+a") == "'+a");
    CHECK(csv_field("-1.jpg") == "'-1.jpg");
    CHECK(csv_field("@SUM(A1)") == "'@SUM(A1)");
    CHECK(csv_field("\t=1") == "\"'\t=1\"");
    CHECK(csv_field("=a,b") == "\"'=a,b\"");
    CHECK(csv_field("'=1") == "''=1");
    for (const char* plain : {"img_1.jpg", "a=b", "a-b+c@d", "'", "'quoted'", "", "2024-01-01.png"})
        CHECK(csv_field(plain) == plain);
}

TEST_CASE("numbers for people") {
    CHECK(grouped(0) == "0");
    CHECK(grouped(999) == "999");
    CHECK(grouped(3'504'872) == "3,504,872");
    CHECK(grouped(-123'456) == "-123,456");
    CHECK(metric(300'774'272.0) == "300.77 M");
    CHECK(short_metric(0.0) == "0");
    CHECK(short_metric(999.0) == "999");
    CHECK(short_metric(1'000.0) == "1.00 k");
    CHECK(short_metric(10'838'016.0) == "10.8 M");
    CHECK(short_metric(409'600.0) == "410 k");
    CHECK(short_metric(999'600.0) == "1.00 M");
    CHECK(bytes_text(26'700'000) == "26.7 MB");
    CHECK(bytes_text(12) == "12 B");
    CHECK(duration(7.4) == "0:07");
    CHECK(duration(3'723) == "1:02:03");
}

TEST_CASE("the rank of a label: ties go to the lower number, and logits that are not finite rank nothing") {
    const std::vector<float> logits{1.0f, 3.0f, 3.0f, 2.0f};
    CHECK(rank_of_label(logits, 1) == 0);
    CHECK(rank_of_label(logits, 2) == 1);
    CHECK(rank_of_label(logits, 0) == 3);
    const float nan = std::numeric_limits<float>::quiet_NaN(),
                infinity = std::numeric_limits<float>::infinity();
    for (const float broken : {nan, infinity, -infinity}) {
        CHECK(rank_of_label(std::vector<float>{broken, 1.0f}, 0) == unranked);
        CHECK(rank_of_label(std::vector<float>{broken, 1.0f}, 1) == unranked);
    }
    Scores scores;
    scores.add({nan, {nan, 1.0f, 2.0f}}, std::vector<int32_t>{1});
    CHECK(scores.accuracy() == 0.0);
    CHECK(scores.top5() == 0.0);
}

TEST_CASE("scores weigh batches by their size") {
    Scores scores;
    CHECK(scores.accuracy() == 0.0);
    scores.add({1.0, {2.0f, 1.0f, 2.0f, 1.0f, 1.0f, 2.0f}}, std::vector<int32_t>{0, 0, 0});
    scores.add({5.0, {0.0f, 1.0f}}, std::vector<int32_t>{1});
    CHECK(scores.count() == 4);
    CHECK(scores.loss() == doctest::Approx(2.0));
    CHECK(scores.accuracy() == 0.75);
    CHECK(scores.top5() == 1.0);
}

}  // namespace
}  // namespace vitrine::tools
