// Files that a program is told to write: see output_file.h.

#include "tools/common/output_file.h"

#include <fmt/format.h>

#include "engine/error.h"

namespace vitrine::tools {

namespace fs = std::filesystem;

void check_output_file(std::string_view flag, const std::string& path) {
    if (path.empty()) throw Error(fmt::format("{}: the name of a file is needed, not an empty text", flag));
    std::error_code failure;
    const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
    if (!fs::is_directory(folder, failure))
        throw Error(fmt::format("{} {}: there is no folder {}", flag, path, folder.string()));
    if (fs::is_directory(path, failure) || fs::path(path).filename().empty())
        throw Error(fmt::format("{} {}: this is a folder, but a file is needed", flag, path));
}

void refuse_input_as_output(std::string_view flag, const std::string& output,
                            std::span<const fs::path> inputs) {
    std::error_code failure;
    if (!fs::is_regular_file(output, failure)) return;
    for (const fs::path& input : inputs) {
        if (fs::equivalent(output, input, failure))
            throw Error(fmt::format("{} {}: this is {}, which is read: name another file", flag, output,
                                    input.string()));
    }
}

}  // namespace vitrine::tools
