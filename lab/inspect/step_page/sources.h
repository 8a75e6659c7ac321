// The reference's loops as they are in the repository, put into the program by the build.
#pragma once

#include <span>
#include <string_view>

namespace vitrine::inspect {

struct SourceFile {
    std::string_view path;  // "kernels/reference/add.cpp"
    std::string_view text;
};

/// All of kernels/reference/.
std::span<const SourceFile> reference_sources();

/// Throws std::logic_error where there is no such file.
std::string_view source_of(std::string_view path);

}  // namespace vitrine::inspect
