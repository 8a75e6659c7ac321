// The reference's loops: see sources.h. The texts are in a file that CMake makes.

#include "lab/inspect/step_page/sources.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace vitrine::inspect {

std::string_view source_of(std::string_view path) {
    const auto found = std::ranges::find(reference_sources(), path, &SourceFile::path);
    if (found == reference_sources().end()) throw std::logic_error("no source " + std::string(path));
    return found->text;
}

}  // namespace vitrine::inspect
