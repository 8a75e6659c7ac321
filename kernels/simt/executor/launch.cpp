// A launch: its blocks over OS threads, and what becomes of its findings.

#include "kernels/simt/launch.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

#include "kernels/error.h"
#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/grid.h"
#include "kernels/simt/executor/worker.h"

namespace vitrine::simt {
namespace {

std::mutex launch_mutex;
Settings current_settings;
std::vector<LaunchReport> kept_reports;

/// Runs blocks, as they come, until none is left.
void work(Grid& grid, std::atomic<uint64_t>& next_block) {
    Worker& worker = Worker::mine();
    worker.begin_launch(grid);
    for (uint64_t turn = next_block++; turn < grid.blocks(); turn = next_block++) worker.run_block(turn);
    worker.end_launch();
}

void run_blocks(Grid& grid) {
    const int wanted = grid.settings().threads > 0 ? grid.settings().threads : omp_get_max_threads();
    const int threads = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(wanted), grid.blocks()));
    std::atomic<uint64_t> next_block{0};
    std::exception_ptr failure;
#pragma omp parallel num_threads(threads)
    try {
        work(grid, next_block);
    } catch (...) {
        running_worker = nullptr;
#pragma omp critical(vitrine_simt_failure)
        failure = std::current_exception();
    }
    if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace

void set_settings(const Settings& settings) {
    const std::lock_guard lock(launch_mutex);
    current_settings = settings;
}

const Settings& settings() { return current_settings; }

std::vector<LaunchReport> take_reports() {
    const std::lock_guard lock(launch_mutex);
    return std::exchange(kept_reports, {});
}

void run_grid(const GridRequest& request) {
    const std::lock_guard lock(launch_mutex);
    Grid grid(request, current_settings);
    run_blocks(grid);
    if (current_settings.check) {
        std::string damage = DeviceMemory::instance().broken_canary();
        if (!damage.empty()) grid.add(Finding{FindingKind::broken_canary, {}, {}, "", std::move(damage)});
    }
    const LaunchReport report = grid.finish();
    if (current_settings.keep_reports) kept_reports.push_back(report);
    if (current_settings.throw_findings && !report.findings.empty()) throw Error(describe(report));
}

}  // namespace vitrine::simt
