// Names as text: what is kept, what is escaped, and that nothing is lost or confused.

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "engine/escape.h"
#include "engine/random.h"

using namespace vitrine;

TEST_CASE("names: what can be shown is kept as it is") {
    for (const char* name : {"cat", "sea, \"deep\"", "Größe 5", "猫", "\U0001F408", "a\\b", "\\x", "\\xg0",
                             "C:\\new", "=1+1", "  ", "%41"}) {
        CHECK(escape(name) == name);
        CHECK(unescape(name) == name);
    }
    CHECK(escape("") == "");
}

TEST_CASE("names: bytes that are no UTF-8 and characters that would not show become codes") {
    CHECK(escape("caf\xe9") == "caf\\xe9");                // Latin-1
    CHECK(escape("\x94\x4c") == "\\x94L");                 // Shift-JIS
    CHECK(escape("a\nb\tc\rd") == "a\\x0ab\\x09c\\x0dd");  // forged lines and columns
    CHECK(escape("\x1b[31mred") == "\\x1b[31mred");        // an escape sequence
    CHECK(escape("\x7f\xc2\x9b") == "\\x7f\\xc2\\x9b");    // DEL, and U+009B, which begins one too
    CHECK(escape("\u202egpj") == "\\xe2\\x80\\xaegpj");    // right to left
    CHECK(escape("\xc0\xaf\xed\xa0\x80") == "\\xc0\\xaf\\xed\\xa0\\x80");  // overlong, a surrogate
    CHECK(escape("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");           // above U+10FFFF
    CHECK(escape("\xe7\x8c") == "\\xe7\\x8c");                             // cut short
    CHECK(escape("caf\\xe9") == "caf\\x5cxe9");  // not to be confused with the first
}

TEST_CASE("names: no two of them become the same text, and each can be had back") {
    constexpr std::string_view alphabet("\\xe94aA\xe9\xc3\xa9\n\x80\xf0", 12);
    std::set<std::string> names, texts;
    for (uint32_t sample = 0; sample < 20'000; ++sample) {
        const RandomKey key{.seed = 3, .purpose = RandomPurpose::test, .sample = sample};
        std::string name;
        for (uint64_t i = 0; i < 1 + sample % 9; ++i) name += alphabet[random_below(key, i, alphabet.size())];
        const std::string text = escape(name);
        REQUIRE(unescape(text) == name);
        REQUIRE_NOTHROW(nlohmann::json(text).dump());  // throws where this is not UTF-8
        names.insert(name);
        texts.insert(text);
    }
    CHECK(texts.size() == names.size());
}

TEST_CASE(
    "text for a terminal: no character that it obeys, codes as they are, the middle of a long one left out") {
    CHECK(printable("cannot read caf\xe9\x1b[2J\n: no file") == "cannot read caf\\xe9\\x1b[2J\\x0a: no file");
    CHECK(printable(escape("caf\xe9 \\xe9")) == escape("caf\xe9 \\xe9"));
    CHECK(printable("abcdef", 6) == "abcdef");
    CHECK(printable("abcdefg", 6) == "abc…efg");
    CHECK(printable("äöüäöü", 6) == "ä…ü");
    CHECK(printable(std::string(10'000'000, '\x80')).size() < 10'000);
}
