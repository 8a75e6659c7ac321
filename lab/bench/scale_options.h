// What bench scale is told: how many processes, on which network, how often they fail.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/bench/scale_model.h"
#include "lab/bench/step_bench.h"

namespace CLI {
class App;
}  // namespace CLI

namespace vitrine::tools {

struct ScaleBenchOptions {
    StepBenchOptions step{.steps = 20};     // of each process: measured, or worked out for step.predict_for
    std::vector<double> step_milliseconds;  // told; empty: not
    double deviation = 0.02;  // of a step's time from its mean, as a share, where it was not measured

    std::vector<int64_t> ranks = ranks_between(1, 512);
    /// A data centre's Ethernet. A message there takes some 20 us by way of the kernel; and a process that waits asks again
    /// 20 us after the last time (kernels/mpi), which Linux makes 70 by its timer slack (PR_SET_TIMERSLACK, 50 us), of which half
    /// goes by in the mean.
    Network network{.bandwidth = 12.5e9, .latency = 50e-6};
    /// Of each process: an NVMe disk, whose four lanes of PCIe 3.0 carry 3.9 GB/s at most.
    double read_bandwidth = 3e9;

    /// Source: "The Llama 3 Herd of Models", 2024: 419 unexpected interruptions in 54 days of 16,384 GPUs, which are 50,677 hours of
    /// a GPU to each.
    double failure_hours = 50'000.0;
    double checkpoint_minutes = 10.0;  // as training.checkpoint_minutes
    double restart_minutes = 10.0;     // as --process-minutes of train, which one that hangs is waited for

    /// First, twice, four times … of it, and last.
    static std::vector<int64_t> ranks_between(int64_t first, int64_t last);
};

/// Of a text such as 100Gbit, 25Gbit/s, 40MB/s or 900GB/s: bytes a second. Throws Error, as the others.
double parse_bandwidth(const std::string& flag, const std::string& text);
/// Of 5us, 0.1ms, 800ns or 1s: seconds.
double parse_latency(const std::string& flag, const std::string& text);
/// Of 64 or 1..512.
std::vector<int64_t> parse_ranks(const std::string& flag, const std::string& text);
/// Of 94 or 92.5,94,101.
std::vector<double> parse_milliseconds(const std::string& flag, const std::string& text);

/// Adds all of them but `step`.
void add_scale(CLI::App& command, ScaleBenchOptions& options);

}  // namespace vitrine::tools
