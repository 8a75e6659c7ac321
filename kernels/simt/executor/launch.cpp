// A launch: its blocks over OS threads, and what becomes of its findings.

#include "kernels/simt/launch.h"

#include <omp.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "kernels/error.h"
#include "kernels/simt/executor/crew.h"
#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/device_status.h"
#include "kernels/simt/executor/graphs.h"
#include "kernels/simt/executor/grid.h"
#include "kernels/simt/executor/streams.h"
#include "kernels/simt/executor/symbols.h"
#include "kernels/simt/executor/worker.h"

namespace vitrine::simt {
namespace {

std::mutex launch_mutex;
Settings current_settings;
std::vector<LaunchReport> kept_reports;
std::optional<RecordRequest> record_request;  // its launch: how many come before it
std::optional<BlockRecord> kept_record;

// A launch that takes less than this is not worth waking other OS threads for.
constexpr std::chrono::microseconds alone_for{100};

/// One OS thread's part in a launch.
class Share {
  public:
    explicit Share(Grid& grid) : worker_(Worker::mine()) { worker_.begin_launch(grid); }
    ~Share() { worker_.end_launch(); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    void run(uint64_t turn) { worker_.run_block(turn); }

  private:
    Worker& worker_;
};

/// The first blocks run here. If they take long, the rest is shared out.
void run_blocks(Grid& grid) {
    const int threads = grid.settings().threads > 0 ? grid.settings().threads : omp_get_max_threads();
    uint64_t begun = 0;
    {
        Share share(grid);
        const auto begin = std::chrono::steady_clock::now();
        while (begun < grid.blocks()) {
            share.run(begun++);
            if (threads > 1 && std::chrono::steady_clock::now() - begin > alone_for) break;
        }
    }
    if (begun == grid.blocks()) return;
    grid.set_several_workers(true);
    std::atomic<uint64_t> next_block{begun};
    Crew::of_process().run(threads, [&] {
        Share share(grid);
        for (uint64_t turn = next_block++; turn < grid.blocks(); turn = next_block++) share.run(turn);
    });
}

Extent extent(const dim3& size) { return {size.x, size.y, size.z}; }

/// Of the launch that comes now. Counts it.
bool is_recorded() { return record_request.has_value() && record_request->launch-- == 0; }

/// Whoever records wants to see everything.
Settings recording_settings() {
    Settings settings = current_settings;
    settings.threads = 1;
    settings.check = settings.count_traffic = true;
    return settings;
}

/// What a GPU would not even start is refused at the capture.
void capture_launch(const GridRequest& request) {
    static_cast<void>(Grid(request, current_settings));
    const cudaError_t status = Captures::instance().add(request.stream, LaunchNode(request));
    if (status != cudaSuccess) last_error = status;
}

void run_on_working_device(const GridRequest& request) {
    if (DeviceStatus::instance().failed()) return;
    const DeviceMemory::Open open;
    const bool recorded = is_recorded();
    Grid grid(request, recorded ? recording_settings() : current_settings,
              recorded ? &*record_request : nullptr);
    run_blocks(grid);
    if (recorded) kept_record = grid.take_record();
    if (grid.settings().check) {
        std::string damage = DeviceMemory::instance().broken_canary();
        if (!damage.empty()) grid.add(Finding{FindingKind::broken_canary, {}, {}, "", std::move(damage)});
    }
    const LaunchReport report = grid.finish();
    if (current_settings.keep_reports) kept_reports.push_back(report);
    if (current_settings.throw_findings && !report.findings.empty()) throw Error(describe(report));
}

/// The buffers that its arguments point to. Tables in the device's memory may point to others.
std::vector<uintptr_t> buffers_of(const GridRequest& request) {
    std::vector<uintptr_t> buffers;
    const auto* arguments = static_cast<const unsigned char*>(request.arguments);
    for (size_t at = 0; at + sizeof(void*) <= request.argument_bytes; at += sizeof(void*)) {
        const void* memory = nullptr;
        std::memcpy(&memory, arguments + at, sizeof memory);
        add_buffer_of(memory, buffers);
    }
    return buffers;
}

/// Behind what a library has put into the stream, or where all launches are late, one is just another thing that it was asked for.
void run_in_turn(const GridRequest& request) {
    if (DeviceStatus::instance().failed()) return;
    const std::vector<uintptr_t> buffers = buffers_of(request);
    if (!current_settings.late && Streams::instance().begin_launch(request.stream, buffers))
        return run_on_working_device(request);
    static_cast<void>(Grid(request, current_settings));  // what a GPU would not even start is refused now
    const auto run = [node = LaunchNode(request)] {
        const std::lock_guard lock(launch_mutex);
        run_on_working_device(node.request());
    };
    Streams::instance().ask_launch(request.stream, run, buffers);
}

void launch_now(const GridRequest& request) {
    if (DeviceStatus::instance().at_call() == cudaSuccess) run_in_turn(request);
    DeviceStatus::instance().launched(request.kernel);
    if (launches_block()) DeviceStatus::instance().at_wait();
}

void throw_failure(const GridRequest& request) {
    const cudaError_t status = cudaGetLastError();
    if (status == cudaSuccess) return;
    launch_log().throw_failed_launch(request.kernel, extent(request.grid), extent(request.block), status,
                                     cudaGetErrorString(status));
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

void record_block(const RecordRequest& request) {
    const std::lock_guard lock(launch_mutex);
    record_request = request;
    kept_record.reset();
}

std::optional<BlockRecord> take_record() {
    const std::lock_guard lock(launch_mutex);
    record_request.reset();
    return std::exchange(kept_record, std::nullopt);
}

LaunchLog& launch_log() {
    static LaunchLog& log = *new LaunchLog(function_name, LaunchLog::Names::when_asked);
    return log;
}

void run_grid(const GridRequest& request) {
    const std::lock_guard lock(launch_mutex);
    launch_log().add(request.kernel, extent(request.grid), extent(request.block));
    if (Captures::instance().captures(request.stream))
        capture_launch(request);
    else
        launch_now(request);
    throw_failure(request);
    if (launches_block()) launch_log().complete(launch_log().count());
}

void replay_grid(const GridRequest& request) {
    const std::lock_guard lock(launch_mutex);
    launch_now(request);
    throw_failure(request);
}

}  // namespace vitrine::simt
