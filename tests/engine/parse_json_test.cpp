// JSON is parsed within limits, and what is outside of them is refused before anything is built.

#include "engine/parse_json.h"

#include <doctest/doctest.h>

#include <string>

#include "engine/error.h"

namespace vitrine {
namespace {

std::string error_of(const std::string& text, const JsonLimits& limits) {
    try {
        parse_json(text, limits);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

std::string nested(size_t depth, const std::string& open, const std::string& close) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += open;
    for (size_t i = 0; i < depth; ++i) text += close;
    return text;
}

TEST_CASE("JSON within its limits comes as it is written") {
    const JsonLimits limits{.bytes = 1000, .depth = 3, .values = 8, .keys = 2};
    const nlohmann::json value = parse_json(R"({"a": [1, {"b": null}], "c": "\u00e9"})", limits);
    CHECK(value["a"][1]["b"].is_null());
    CHECK(value["c"] == "\u00e9");
    CHECK(error_of("[1,2,3,4,5,6,7]", limits) == "");
    CHECK(error_of("[[[]],[[]]]", limits) == "");
    CHECK(error_of(R"({"a":1,"a":2})", limits) == "");
    CHECK(parse_json<nlohmann::ordered_json>(R"({"b":1,"a":2})", limits).dump() == R"({"b":1,"a":2})");
}

TEST_CASE("JSON outside of its limits is refused, however deep or long it is") {
    const JsonLimits limits{.bytes = 1'000'000, .depth = 3, .values = 8, .keys = 2, .distinct = true};
    const std::string deeper = "is nested deeper than 3 levels";
    CHECK(error_of("[[[[]]]]", limits) == deeper);
    CHECK(error_of(nested(100'000, "[", "]"), limits) == deeper);
    CHECK(error_of(nested(100'000, "{\"a\":", ""), limits) == deeper);
    CHECK(error_of(std::string(500'000, '['), limits) == deeper);
    CHECK(error_of("[1,2,3,4,5,6,7,8]", limits) == "has more than 8 values");
    CHECK(error_of(R"({"a":1,"b":2,"c":3})", limits) == "has an object with more than 2 keys");
    CHECK(error_of(R"([{"a":1},{"a":1,"a":2}])", limits) == "has the key a twice in an object");
    CHECK(error_of(std::string(1'000'001, ' '), limits) == "is larger than 1000000 bytes");
}

TEST_CASE("what is no JSON is told by its place") {
    const JsonLimits limits{.bytes = 1000};
    for (const char* text :
         {"", " ", "nul", "[1,]", "{\"a\"}", "[1] 2", "\"\xff\"", "01", "1e400", "nan", "'a'"}) {
        CAPTURE(text);
        CHECK(error_of(text, limits).starts_with("is no JSON: what stands at byte "));
    }
    CHECK(error_of(std::string("1\0 2", 4), limits) == "is no JSON: byte 2 is 0");
}

}  // namespace
}  // namespace vitrine
