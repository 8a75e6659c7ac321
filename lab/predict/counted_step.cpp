// Counting with the simt device: see counted_step.h.

#include "lab/predict/counted_step.h"

#include <utility>

#include "kernels/call_observer.h"
#include "kernels/simt/kernel_code.h"
#include "kernels/simt/launch.h"
#include "lab/common/workloads.h"
#include "lab/predict/plain_name.h"

namespace vitrine::predict {
namespace {

/// While it lives, the simt device is that of a GPU, runs samples of launches, and counts.
class Sampling {
  public:
    explicit Sampling(const CountedStepOptions& options) : before_(simt::settings()) {
        simt::take_reports();
        simt::set_compute_capability(options.compute_capability);
        set_checks(options, false);
    }
    ~Sampling() {
        simt::set_settings(before_);
        simt::set_compute_capability(90);
        simt::take_reports();
    }
    Sampling(const Sampling&) = delete;
    Sampling& operator=(const Sampling&) = delete;

    /// Findings are not errors: what a block that was left out has not written is missing elsewhere.
    static void set_checks(const CountedStepOptions& options, bool count) {
        simt::set_settings({.check = count,
                            .count_traffic = count,
                            .throw_findings = false,
                            .keep_reports = count,
                            .most_blocks = count ? options.most_blocks : 1});
    }

  private:
    simt::Settings before_;
};

LaunchCounts counts_of(const simt::LaunchReport& report) {
    const double blocks = static_cast<double>(report.grid.x) * report.grid.y * report.grid.z;
    const double times = blocks / static_cast<double>(report.blocks_run);
    LaunchCounts counts{.kernel = plain_name(report.kernel),
                        .blocks = blocks,
                        .block_threads = static_cast<int>(report.block.x * report.block.y * report.block.z),
                        .dynamic_shared_bytes = static_cast<int>(report.shared_bytes),
                        .multiply_adds = times * static_cast<double>(report.fused_multiply_adds),
                        .tensor_multiply_adds = times * static_cast<double>(report.tensor_multiply_adds)};
    for (const simt::LineTraffic& line : report.traffic) {
        const double requests = times * static_cast<double>(line.requests);
        (line.shared ? counts.shared_requests : line.write ? counts.stores : counts.loads) += requests;
        counts.sectors += times * static_cast<double>(line.sectors);
        counts.shared_passes += times * static_cast<double>(line.passes);
    }
    return counts;
}

}  // namespace

std::vector<CountedCall> count_step(const CountedStepOptions& options) {
    const Sampling sampling(options);
    tools::LayerTimer timer(tools::model_workload(options.model, {.device = Device::simt,
                                                                  .precision = options.precision,
                                                                  .image_size = options.image_size,
                                                                  .batch_size = options.batch_size,
                                                                  .classes = options.classes}));
    std::vector<CountedCall> calls;
    Sampling::set_checks(options, true);
    const CallObserver observer([&](const KernelCall& call) {
        CountedCall counted{call.kernel, call.least, {}};
        for (const simt::LaunchReport& report : simt::take_reports())
            counted.launches.push_back(counts_of(report));
        if (counted.kernel != "finish_images") calls.push_back(std::move(counted));
    });
    timer.run();  // the second step, as the first has no momentum to read
    return calls;
}

}  // namespace vitrine::predict
