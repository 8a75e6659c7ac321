// Where address sanitizer stands in for the hooks: it stops the program at the first access out of bounds.

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/simt/defects.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

#ifdef __SANITIZE_ADDRESS__
namespace {

/// Whether a child process that runs f is stopped. Its complaint is not for this program's output.
template <class F>
bool stops(F&& f) {
    const pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        f();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

}  // namespace

TEST_CASE("address sanitizer stops a kernel out of bounds") {
    const SettingsScope scope({.threads = 1});
    const Buffer<float> values(40);
    CHECK_FALSE(stops([&] { test::write_past_end(values.data(), 39); }));
    CHECK(stops([&] { test::write_past_end(values.data(), 40); }));
    CHECK(stops([&] { test::read_before_beginning(values.data()); }));
    CHECK_FALSE(stops([&] { test::overrun_dynamic_shared(63); }));
    CHECK(stops([&] { test::overrun_dynamic_shared(64); }));
}
#endif
