// Names of files, folders and classes as text: whatever bytes they are made of, what is written is UTF-8 on
// one line.
#pragma once

#include <string>
#include <string_view>

namespace vitrine {

/// `name` as it is shown to people and written into JSON, TOML and metadata. Bytes that are not UTF-8,
/// control characters, and characters that break a line or turn its direction become \xHH, byte by byte;
/// anything else stays as it is. Two different names never become the same text: a backslash that would read
/// like such a code is \x5c.
std::string escape(std::string_view name);

/// The name that escape() made this text of.
std::string unescape(std::string_view text);

}  // namespace vitrine
