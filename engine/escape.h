// Names of files, folders and classes as text: whatever bytes they are made of, what is written is UTF-8 on
// one line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vitrine {

/// `name` as it is shown to people and written into JSON, TOML and metadata. Bytes that are not UTF-8,
/// control characters, and characters that break a line or turn its direction become \xHH, byte by byte;
/// anything else stays as it is. Two different names never become the same text: a backslash that would read
/// like such a code is \x5c.
std::string escape(std::string_view name);

/// A sentence or a line of text as it may go to a terminal: as escape() has it, but codes stay as they are,
/// so that names in it may have been through escape() already. Of a longer text, as where a file's name has
/// megabytes, about `longest` bytes stay: its start and its end, with "…" between them.
std::string printable(std::string_view text, size_t longest = 2000);

/// Bytes at the start of `text` that are UTF-8: all of them, or those before the first that is none.
size_t utf8_length(std::string_view text);

/// The name that escape() made this text of.
std::string unescape(std::string_view text);

}  // namespace vitrine
