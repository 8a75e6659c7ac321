// A line of a terminal that is written over again and again.
#pragma once

#include <string>
#include <vector>

#include "tools/train/stopwatch.h"

namespace vitrine::train {

/// On the standard error. Everything does nothing where that is no terminal, or one that cannot do it.
class TerminalLine {
  public:
    TerminalLine();
    ~TerminalLine() { clear(); }
    TerminalLine(const TerminalLine&) = delete;
    TerminalLine& operator=(const TerminalLine&) = delete;

    bool can_show() const { return can_show_; }
    /// True ten times a second at most: writing more often would only cost time.
    bool due() const { return can_show_ && (!shown_ || since_shown_.seconds() > 0.1); }
    /// The fields that fit into the terminal as it is now, from the first on, and a bar for the share 0 … 1
    /// in what they leave.
    void show(const std::vector<std::string>& fields, double share);
    /// Before anything else is written.
    void clear();

  private:
    bool can_show_;
    bool shown_ = false;
    Stopwatch since_shown_;
};

}  // namespace vitrine::train
