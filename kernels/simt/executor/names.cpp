// Names and sentences of findings.

#include "kernels/simt/executor/names.h"

#include <fmt/format.h>

#include <array>

#include "kernels/simt/report.h"

namespace vitrine::simt {

const char* name_of(Barrier barrier) {
    constexpr std::array names{"__syncthreads", "__syncthreads_count", "__syncthreads_and",
                               "__syncthreads_or"};
    return names[static_cast<size_t>(barrier)];
}

const char* name_of(WarpOperation operation) {
    constexpr std::array names{"__syncwarp",      "__shfl_sync",   "__shfl_up_sync", "__shfl_down_sync",
                               "__shfl_xor_sync", "__ballot_sync", "__all_sync",     "__any_sync",
                               "mma.sync",        "ldmatrix"};
    return names[static_cast<size_t>(operation)];
}

const char* name_of(FindingKind kind) {
    constexpr std::array names{"barrier divergence",
                               "deadlock",
                               "inactive lane",
                               "tf32 that is not rounded",
                               "out of bounds",
                               "misaligned access",
                               "host memory",
                               "uninitialised shared memory",
                               "asynchronous copy not waited for",
                               "race in shared memory",
                               "race in global memory",
                               "write to read-only memory",
                               "too much shared memory",
                               "broken canary"};
    return names[static_cast<size_t>(kind)];
}

std::string shown(const uint3& index) { return fmt::format("({}, {}, {})", index.x, index.y, index.z); }

std::string describe(const LaunchReport& report) {
    if (report.findings.empty()) return fmt::format("kernel {}: nothing found", report.kernel);
    const Finding& first = report.findings.front();
    std::string text = fmt::format("kernel {}: {}: ", report.kernel, name_of(first.kind));
    if (first.where.empty()) {  // of the launch, not of one thread
        text += first.message;
    } else {
        text += fmt::format("block {}, thread {} at {} {}", shown(first.block), shown(first.thread),
                            first.where, first.message);
    }
    const size_t more = report.findings.size() - 1;
    if (more != 0) text += fmt::format(" (and {} more places with findings)", more);
    return text;
}

}  // namespace vitrine::simt
