// Files that a program is told to write: checked before the work, so that nothing is lost and nothing in
// vain.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace vitrine::tools {

/// Throws Error "FLAG PATH: …" where `path` cannot be a file: it is a folder or empty, or its folder is not
/// there.
void check_output_file(std::string_view flag, const std::string& path);

/// Throws Error where `output` is one of the inputs, under whatever name: writing would destroy it.
void refuse_input_as_output(std::string_view flag, const std::string& output,
                            std::span<const std::filesystem::path> inputs);

}  // namespace vitrine::tools
