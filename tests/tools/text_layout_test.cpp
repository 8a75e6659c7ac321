// Text in the columns of a terminal.

#include "tools/common/text_layout.h"

#include <doctest/doctest.h>

namespace vitrine::tools {
namespace {

using Lines = std::vector<std::string>;

TEST_CASE("columns: letters, accents of their own, wide characters and bytes that are no UTF-8") {
    CHECK(columns_of("") == 0);
    CHECK(columns_of("loss 0.4") == 8);
    CHECK(columns_of("28×28 é …") == 9);
    CHECK(columns_of("e\u0301") == 1);  // e and an accent on it
    CHECK(columns_of("日本 한") == 7);
    CHECK(columns_of("😀") == 2);
    CHECK(columns_of("\xff\xfe") == 2);
}

TEST_CASE("fields: those that fit from the first on, never part of one and none behind one that does not") {
    const Lines fields{"epoch 1/6", "left 3:12", "日本 5", "x"};
    CHECK(fitting_fields(fields, 300) == "epoch 1/6  left 3:12  日本 5  x");
    CHECK(fitting_fields(fields, 31) == "epoch 1/6  left 3:12  日本 5  x");
    CHECK(fitting_fields(fields, 30) == "epoch 1/6  left 3:12  日本 5");
    CHECK(fitting_fields(fields, 27) == "epoch 1/6  left 3:12");  // "x" would fit, but comes after
    CHECK(fitting_fields(fields, 19) == "epoch 1/6");
    CHECK(fitting_fields(fields, 8) == "");
    CHECK(fitting_fields(fields, 0) == "");
    for (size_t columns = 0; columns < 40; ++columns)
        CHECK(columns_of(fitting_fields(fields, columns)) <= columns);
}

TEST_CASE("fields on several lines: all of them are there, whole") {
    const Lines fields{"epoch 1/6", "val_loss 0.5", "0:07 with validation", "9 images/s"};
    CHECK(wrapped_fields(fields, 300, 4) ==
          Lines{"epoch 1/6  val_loss 0.5  0:07 with validation  9 images/s"});
    CHECK(wrapped_fields(fields, 30, 4) ==
          Lines{"epoch 1/6  val_loss 0.5", "    0:07 with validation", "    9 images/s"});
    // No room for the indentation, or for the field at all.
    CHECK(wrapped_fields(fields, 21, 4) ==
          Lines{"epoch 1/6", "    val_loss 0.5", "0:07 with validation", "    9 images/s"});
    CHECK(wrapped_fields({"a", "longer than that", "b"}, 5, 2) == Lines{"a", "longer than that", "  b"});
    CHECK(wrapped_fields({}, 80, 4).empty());
}

TEST_CASE("words on several lines, and what becomes of a long one") {
    CHECK(wrapped_words("a sentence of words", 80, LongWords::whole) == Lines{"a sentence of words"});
    CHECK(wrapped_words("a sentence of words", 10, LongWords::whole) == Lines{"a sentence", "of words"});
    CHECK(wrapped_words("日本 日本", 5, LongWords::whole) == Lines{"日本", "日本"});
    CHECK(wrapped_words("two  spaces", 80, LongWords::whole) == Lines{"two  spaces"});
    CHECK(wrapped_words("in /data/photos/run now", 8, LongWords::whole) ==
          Lines{"in", "/data/photos/run", "now"});
    CHECK(wrapped_words("in /data/photos/run now", 8, LongWords::broken) ==
          Lines{"in", "/data/", "photos/", "run now"});
    CHECK(wrapped_words("mmmmmmmmmm", 4, LongWords::broken) == Lines{"mmmm", "mmmm", "mm"});
    CHECK(wrapped_words("日本日", 3, LongWords::broken) == Lines{"日", "本", "日"});
    CHECK(wrapped_words("", 10, LongWords::whole).empty());
}

}  // namespace
}  // namespace vitrine::tools
