// Ctrl-C: see interrupt.h.

#include "tools/train/interrupt.h"

#include <csignal>

namespace vitrine::train {
namespace {

volatile std::sig_atomic_t received = 0;

void restore_defaults() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}

void remember(int signal) {
    received = signal;
    restore_defaults();
}

}  // namespace

InterruptGuard::InterruptGuard() {
    received = 0;
    std::signal(SIGINT, remember);
    std::signal(SIGTERM, remember);
}

InterruptGuard::~InterruptGuard() { restore_defaults(); }

int interrupted_by() { return received; }

}  // namespace vitrine::train
