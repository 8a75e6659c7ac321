// Launching a kernel under the SIMT executor, and how the executor is to run it.
#pragma once

#include <cstdint>
#include <tuple>
#include <vector>

#include "kernels/launch_log.h"
#include "kernels/simt/report.h"

using cudaStream_t = struct CUstream_st*;

namespace vitrine::simt {

enum class Order : uint8_t { ascending, descending, shuffled };

struct Settings {
    int threads = 0;                 // OS threads; 0: as many as OpenMP would use
    Order order = Order::ascending;  // of blocks, warps and threads
    uint64_t seed = 0;               // of Order::shuffled
    bool check = true;               // observe every access (kernel files compiled with the hooks only)
    bool count_traffic = false;      // sectors a request and bank conflicts; needs check
    bool throw_findings = true;      // as Error, at the end of the launch
    bool keep_reports = false;       // for take_reports
    // Only so many of a launch's blocks are run, here and there in its grid; 0: all. What it counts is then a sample and what it
    // writes is worth nothing; atomic operations change nothing, so that who counts with them finds zeros afterwards.
    uint64_t most_blocks = 0;
    bool late = false;  // launches are put off like copies, to the latest moment that their stream allows
    // exp, log and the like are off by up to so many units in the last place, as those of another library
    // are: by function, argument and this seed (math.h).
    int math_ulps = 0;
    uint64_t math_seed = 0;
};

/// From the next launch on.
void set_settings(const Settings& settings);
const Settings& settings();

/// The reports of the launches since the last call, if Settings::keep_reports.
std::vector<LaunchReport> take_reports();

/// A launch with its kernel's argument types forgotten.
struct GridRequest {
    const void* kernel;  // its code, for the name
    dim3 grid;
    dim3 block;
    size_t shared_bytes;
    void (*run_thread)(const void* arguments);
    const void* arguments;  // kernels may read these bytes besides the device's memory
    size_t argument_bytes;
    size_t parameter_bytes;  // the same as a GPU's constant memory holds them
    bool hooked;             // the kernel's file was compiled with the hooks: every access is seen
    cudaStream_t stream;
};

/// Runs the grid, after what its stream was asked for before, and returns when it is complete. Throws Error
/// if the shape is not allowed on a GPU or, with Settings::throw_findings, if there is a finding; and what a
/// launch on a GPU would throw after an earlier call has failed.
void run_grid(const GridRequest& request);

/// Every launch.
LaunchLog& launch_log();

}  // namespace vitrine::simt

namespace vitrine {

namespace simt {

/// Each parameter lies behind the one before it, at a multiple of its alignment.
template <class... Parameters>
constexpr size_t parameter_bytes() {
    size_t end = 0;
    ((end = (end + alignof(Parameters) - 1) / alignof(Parameters) * alignof(Parameters) + sizeof(Parameters)),
     ...);
    return end;
}

}  // namespace simt

/// kernel<<<grid, block, shared_bytes, stream>>>(args...). Launches of all streams run in the order of the
/// calls.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
            Arguments&&... arguments) {
    struct Call {
        void (*kernel)(Parameters...);
        std::tuple<Parameters...> parameters;
    };
    const Call call{kernel, std::tuple<Parameters...>(std::forward<Arguments>(arguments)...)};
    const auto run_thread = [](const void* arguments_of_call) {
        const Call& mine = *static_cast<const Call*>(arguments_of_call);
        std::apply(mine.kernel, mine.parameters);
    };
#ifdef __SANITIZE_THREAD__
    constexpr bool hooked = true;
#else
    constexpr bool hooked = false;
#endif
    simt::run_grid({reinterpret_cast<const void*>(kernel), grid, block, shared_bytes, run_thread, &call,
                    sizeof(call), simt::parameter_bytes<Parameters...>(), hooked, stream});
}

}  // namespace vitrine
