// The terminal that a program writes to: see terminal.h.

#include "tools/common/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace vitrine::tools {
namespace {

constexpr size_t usual_columns = 80;

/// Nothing where the variable is not set, or is no number above 0.
std::optional<size_t> columns_variable() {
    const char* value = std::getenv("COLUMNS");
    if (value == nullptr) return std::nullopt;
    const std::string_view text = value;
    size_t columns = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), columns);
    const bool whole = failure == std::errc() && end == text.data() + text.size() && columns > 0;
    return whole ? std::optional(columns) : std::nullopt;
}

}  // namespace

std::optional<size_t> terminal_columns(int descriptor) {
    if (::isatty(descriptor) != 1) return std::nullopt;
    const std::optional<size_t> wanted = columns_variable();
    winsize size{};
    const bool known = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    if (!known) return wanted.value_or(usual_columns);
    return std::min<size_t>(size.ws_col, wanted.value_or(size.ws_col));
}

bool rewrites_lines(int descriptor) {
    if (::isatty(descriptor) != 1) return false;
    const char* kind = std::getenv("TERM");
    return kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

}  // namespace vitrine::tools
