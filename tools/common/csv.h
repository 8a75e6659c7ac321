// Comma-separated values as RFC 4180 wants them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace vitrine::tools {

/// A field, in quotes where it holds a comma, a quote or a line end; quotes inside are doubled.
std::string csv_field(std::string_view text);

/// The fields of a line and its end.
std::string csv_line(std::initializer_list<std::string_view> fields);

}  // namespace vitrine::tools
