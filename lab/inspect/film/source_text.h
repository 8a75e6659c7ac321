// The source text that a film's lines belong to.
#pragma once

#include <optional>
#include <string>

namespace vitrine::inspect {

/// A line of a source as the executor names it.
struct SourceLine {
    std::string file;  // "kernels/cuda/add.cu"; empty where there is no debug information
    int number = 0;    // from 1
};

/// "kernels/cuda/add.cu:31", also where a header's line stands before or behind it: the kernel's own line.
SourceLine kernels_line(const std::string& where);

/// The text of a file of the repository that this program was built from; nothing where it is not there any more.
std::optional<std::string> source_text(const std::string& file);

}  // namespace vitrine::inspect
