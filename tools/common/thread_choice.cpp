// How many threads a program uses: see thread_choice.h.

#include "tools/common/thread_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/cores.h"
#include "kernels/threads.h"

namespace vitrine::tools {
namespace {

/// The kernels' own, and as many at most of what runs beside them: those that make batches, and oneDNN's.
constexpr int pools = 2;

std::string in_words(int count, const char* what) {
    return count == 0 ? fmt::format("no {}", what)
                      : fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

int choose_threads(int wanted, const std::function<void(const std::string& sentence)>& notice) {
    const int cores = usable_cores();
    if (wanted > cores)
        notice(fmt::format("--threads {}: {} can be used here, so it is {}", wanted, in_words(cores, "core"),
                           in_words(cores, "thread")));
    int threads = wanted > 0 ? std::min(wanted, cores) : cores;
    const int startable = startable_threads(pools * threads);
    if (startable < pools * threads) {
        threads = std::clamp(startable / pools, 1, threads);
        notice(fmt::format(
            "the system lets this program start {} and no more (see ulimit -u, or a container's limit of "
            "processes), so it computes with {}",
            in_words(startable, "further thread"), in_words(threads, "thread")));
    }
    set_threads(threads);
    return threads;
}

}  // namespace vitrine::tools
