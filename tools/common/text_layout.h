// Text in the columns of a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine::tools {

/// Columns that a line of UTF-8 takes: none for an accent that stands on the letter before it, two for a
/// wide character (日, an emoji), one for most.
size_t columns_of(std::string_view line);

/// As many of the fields as fit, from the first on, with two spaces between them: the first that does not
/// fit and all after it are left out. The fields stand in the order of their worth.
std::string fitting_fields(const std::vector<std::string>& fields, size_t columns);

/// All of the fields, none of them broken, on as many lines as it takes. Lines after the first are indented.
/// A field that is wider than a line has a line of its own.
std::vector<std::string> wrapped_fields(const std::vector<std::string>& fields, size_t columns,
                                        size_t indent);

/// What becomes of a word that is wider than a line.
enum class LongWords : bool {
    whole,   // it has a longer line of its own: a path that somebody may want to copy
    broken,  // behind a '/' where there is one
};

/// The words of a text on lines of at most so many columns.
std::vector<std::string> wrapped_words(std::string_view text, size_t columns, LongWords long_words);

}  // namespace vitrine::tools
