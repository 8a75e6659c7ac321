// A line of a terminal that is written over again and again: see terminal_line.h.

#include "tools/train/terminal_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

namespace vitrine::train {
namespace {

size_t terminal_width() {
    winsize size{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

}  // namespace

TerminalLine::TerminalLine() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void TerminalLine::show(const std::string& text) {
    if (!is_terminal_) return;
    std::cerr << "\r\x1b[K" << text.substr(0, terminal_width() - 1) << std::flush;
    shown_ = true;
    since_shown_.restart();
}

void TerminalLine::clear() {
    if (!shown_) return;
    std::cerr << "\r\x1b[K" << std::flush;
    shown_ = false;
}

std::string bar(double share, int width) {
    const int filled = std::clamp(static_cast<int>(share * width), 0, width);
    std::string text(static_cast<size_t>(width), ' ');
    std::fill_n(text.begin(), filled, '=');
    if (filled < width) text[static_cast<size_t>(filled)] = '>';
    return '[' + text + ']';
}

}  // namespace vitrine::train
