// The source text of a film: see source_text.h.

#include "lab/inspect/film/source_text.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace vitrine::inspect {

SourceLine kernels_line(const std::string& where) {
    constexpr std::string_view from = "(called from ";
    std::string place = where.substr(0, where.find(" > "));
    if (const size_t at = place.find(from); at != place.npos) {
        place = place.substr(at + from.size());
        place.resize(place.find(')') == place.npos ? place.size() : place.find(')'));
    }
    const size_t colon = place.rfind(':');
    SourceLine line;
    if (colon == place.npos) return line;
    const char* const end = place.data() + place.size();
    if (std::from_chars(place.data() + colon + 1, end, line.number).ptr != end) return {};
    line.file = place.substr(0, colon);
    return line;
}

std::optional<std::string> source_text(const std::string& file) {
    std::ifstream stream(std::filesystem::path(VITRINE_SOURCE_DIR) / file, std::ios::binary);
    if (!stream) return {};
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

}  // namespace vitrine::inspect
