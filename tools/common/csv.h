// Comma-separated values as RFC 4180 wants them, and with nothing in them that a spreadsheet would run.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace vitrine::tools {

/// A field, in quotes where it holds a comma, a quote, a line end, a semicolon or a tab; quotes inside are
/// doubled. A text that begins with = + - @, a tab or a line end, with or without apostrophes before it, is a
/// formula to a spreadsheet and gets an apostrophe more. To have the text back, take one apostrophe away from
/// a field that begins with apostrophes and one of these characters.
std::string csv_field(std::string_view text);

/// The fields of a line and its end.
std::string csv_line(std::initializer_list<std::string_view> fields);

}  // namespace vitrine::tools
