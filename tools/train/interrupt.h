// Ctrl-C: the first asks the run to end cleanly, the second ends it at once.
#pragma once

namespace vitrine::train {

/// While it lives, the first SIGINT or SIGTERM is only remembered; after that both do again what they always
/// do.
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
