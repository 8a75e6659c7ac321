// What the tests of reports share: folders of runs, and what a page's script is given.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "tools/report/run_files.h"

namespace vitrine::tests {

using report::Json;

inline void write_text(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
}

/// The block of JSON that the page's script reads.
inline Json data_of(const std::string& html) {
    const std::string begin = "<script type=\"application/json\" id=\"data\">";
    const size_t from = html.find(begin) + begin.size();
    return Json::parse(html.substr(from, html.find("</script>", from) - from));
}

}  // namespace vitrine::tests
