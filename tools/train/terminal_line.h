// A line of a terminal that is written over again and again.
#pragma once

#include <string>

#include "tools/train/stopwatch.h"

namespace vitrine::train {

/// On the standard error. Everything does nothing where that is no terminal.
class TerminalLine {
  public:
    TerminalLine();
    ~TerminalLine() { clear(); }
    TerminalLine(const TerminalLine&) = delete;
    TerminalLine& operator=(const TerminalLine&) = delete;

    bool is_terminal() const { return is_terminal_; }
    /// True ten times a second at most: writing more often would only cost time.
    bool due() const { return is_terminal_ && (!shown_ || since_shown_.seconds() > 0.1); }
    /// Cut to the width of the terminal.
    void show(const std::string& text);
    /// Before anything else is written.
    void clear();

  private:
    bool is_terminal_;
    bool shown_ = false;
    Stopwatch since_shown_;
};

/// "[=====>    ]" for a share 0 … 1.
std::string bar(double share, int width);

}  // namespace vitrine::train
