// TOML that anybody may have written: the one place where it is parsed.
//
// toml++ makes a table in a table for each part of a key, and destroys them by functions that call
// themselves: a key of some hundred thousand parts would end the program. So the depth is counted before.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#define TOML_EXCEPTIONS 1
// Its assertions fail for bad input too ("[!"), of which it then says properly what is wrong.
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

namespace vitrine {

inline constexpr size_t largest_toml = 1'000'000;  // bytes: hundreds of times a long recipe
inline constexpr size_t most_key_parts = 16;       // in "a.b.c", three

/// Throws Error "SOURCE:LINE: what is wrong", for text that is too large or nested too deeply as well.
toml::table parse_toml(std::string_view text, const std::string& source);

}  // namespace vitrine
