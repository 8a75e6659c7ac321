// A text file that grows by lines: see line_log.h.

#include "tools/train/line_log.h"

#include <fmt/format.h>

#include <utility>

#include "engine/atomic_file.h"
#include "engine/input_file.h"

namespace vitrine::train {
namespace {

constexpr uint64_t largest_log = uint64_t{1} << 30;  // a million epochs of a thousand bytes

}  // namespace

std::vector<std::string> LineLog::lines() const {
    std::vector<std::string> lines;
    std::error_code failure;
    if (!std::filesystem::exists(std::filesystem::symlink_status(path_, failure))) return lines;
    const std::string text = read_file(path_, largest_log, Links::refuse);
    size_t begin = 0;
    for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return lines;
}

void LineLog::set(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + '\n';
    file_.set(text);
}

}  // namespace vitrine::train
