// Code that ends its process, run in another one.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "kernels/simt/executor/host_access.h"

namespace vitrine::simt {

struct ChildEnding {
    int code = 0;  // exit code; 128 + the number of the signal that ended it
    std::string err;
};

/// What becomes of a child process that runs f. No other thread may be running that f needs.
template <class F>
ChildEnding ending_of_child(F&& f) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        std::signal(SIGSEGV, SIG_DFL);  // not the tests' frame's
        watch_host_accesses();
        try {
            f();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s\n", error.what());
            _exit(3);
        }
        _exit(0);
    }
    close(ends[1]);
    ChildEnding ending;
    char buffer[4096];
    for (ssize_t bytes = 0; (bytes = read(ends[0], buffer, sizeof(buffer))) > 0;) {
        ending.err.append(buffer, static_cast<size_t>(bytes));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    ending.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return ending;
}

}  // namespace vitrine::simt
