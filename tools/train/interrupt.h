// Ctrl-C, or a terminal that goes away: the first asks the run to end cleanly, the second ends it at once.
#pragma once

namespace vitrine::train {

/// While it lives, the first SIGINT, SIGTERM or SIGHUP is only remembered; after that all do again what they
/// always do. A SIGHUP that is ignored already (nohup) stays so.
class InterruptGuard {
  public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;
};

/// The signal that came, or 0.
int interrupted_by();

}  // namespace vitrine::train
