// A line of a terminal that is written over again and again: see terminal_line.h.

#include "tools/train/terminal_line.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "tools/common/terminal.h"
#include "tools/common/text_layout.h"

namespace vitrine::train {
namespace {

constexpr size_t narrowest_bar = 12, widest_bar = 32;

/// "[=====>    ]"
std::string bar(double share, size_t width) {
    const size_t inside = width - 2;
    const double clamped = std::clamp(share, 0.0, 1.0);
    const auto filled = static_cast<size_t>(clamped * static_cast<double>(inside));
    std::string text(inside, ' ');
    std::fill_n(text.begin(), filled, '=');
    if (filled < inside) text[filled] = '>';
    return '[' + text + ']';
}

/// The last column stays free: some terminals begin a new line when it is written.
std::string line_of(const std::vector<std::string>& fields, double share) {
    const size_t columns = tools::terminal_columns(STDERR_FILENO).value_or(1) - 1;
    std::string line = tools::fitting_fields(fields, columns);
    const size_t gap = line.empty() ? 0 : 2, used = tools::columns_of(line) + gap;
    if (used + narrowest_bar <= columns)
        line += std::string(gap, ' ') + bar(share, std::min(widest_bar, columns - used));
    return line;
}

}  // namespace

TerminalLine::TerminalLine() : can_show_(tools::rewrites_lines(STDERR_FILENO)) {}

void TerminalLine::show(const std::vector<std::string>& fields, double share) {
    if (!can_show_) return;
    std::cerr << "\r\x1b[K" << line_of(fields, share) << std::flush;
    shown_ = true;
    since_shown_.restart();
}

void TerminalLine::clear() {
    if (!shown_) return;
    std::cerr << "\r\x1b[K" << std::flush;
    shown_ = false;
}

}  // namespace vitrine::train
