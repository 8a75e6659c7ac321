// JSON that anybody may have written: it is parsed only if it is no larger and no deeper than its reader
// expects.
//
// Nested deeper than the stack, JSON ends a program: values are copied, written and destroyed by functions
// that call themselves. Every reader of JSON goes through here.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

namespace vitrine {

/// The most that a reader expects.
struct JsonLimits {
    size_t bytes;
    size_t depth = 16;           // arrays and objects within each other
    size_t values = 10'000'000;  // of all kinds, everywhere in the text
    size_t keys = 1'000;         // of one object: nlohmann::ordered_json looks them up one after the other
    bool distinct = false;       // refuse a key that an object has twice; else the last one holds
};

/// Throws Error unless the text is JSON within the limits. The sentence has the text as its subject: "is
/// nested deeper than 16 levels".
void check_json(std::string_view text, const JsonLimits& limits);

/// Throws Error as check_json does.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, const JsonLimits& limits) {
    check_json(text, limits);
    return Json::parse(text);
}

}  // namespace vitrine
