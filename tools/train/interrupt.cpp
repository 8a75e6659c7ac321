// Ctrl-C: see interrupt.h.

#include "tools/train/interrupt.h"

#include <csignal>

namespace vitrine::train {
namespace {

volatile std::sig_atomic_t received = 0;

struct sigaction hangup_at_start {};

/// Runs before the libraries begin, so without checks of theirs: no sanitizer may be ready.
__attribute__((no_sanitize("address", "undefined"))) void note_hangup() {
    ::sigaction(SIGHUP, nullptr, &hangup_at_start);
}
__attribute__((section(".preinit_array"), used)) void (*const before_libraries)() = note_hangup;

void handle(void (*handler)(int)) {
    std::signal(SIGINT, handler);
    std::signal(SIGTERM, handler);
    struct sigaction hangup {};
    ::sigaction(SIGHUP, nullptr, &hangup);
    if (hangup.sa_handler != SIG_IGN) std::signal(SIGHUP, handler);  // nohup wants it ignored
}

void remember(int signal) {
    received = signal;
    handle(SIG_DFL);
}

}  // namespace

void give_hangup_back() { ::sigaction(SIGHUP, &hangup_at_start, nullptr); }

InterruptGuard::InterruptGuard() {
    received = 0;
    handle(remember);
}

InterruptGuard::~InterruptGuard() { handle(SIG_DFL); }

int interrupted_by() { return received; }

}  // namespace vitrine::train
