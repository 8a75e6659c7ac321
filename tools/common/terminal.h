// Whether somebody looks on, and how much of a line they see.
#pragma once

#include <cstddef>
#include <optional>

namespace vitrine::tools {

/// The columns of the terminal that a descriptor (STDOUT_FILENO) leads to, as it is now: windows are resized.
/// No more than COLUMNS says, where that is set; 80 where nobody knows. Nothing where it is no terminal:
/// there a line is as long as it is.
std::optional<size_t> terminal_columns(int descriptor);

/// Whether it is a terminal that can write a line over again: not one that TERM calls dumb, or does not name.
bool rewrites_lines(int descriptor);

}  // namespace vitrine::tools
