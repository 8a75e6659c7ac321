// Ctrl-C, or a terminal that goes away: the first asks the run to end cleanly, the second ends it at once.
#pragma once

namespace vitrine::train {

/// SIGHUP does again what it did when the program was started, to be called first in main: a library that Open MPI loads on
/// Debian 13 (UCX) takes it for itself before main begins, so that nohup had no effect and a terminal that went away none either.
void give_hangup_back();

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
