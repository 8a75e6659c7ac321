// The report of a training step: see model_report.h.

#include "lab/gradcheck/report/model_report.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "kernels/call_observer.h"
#include "lab/common/workloads.h"
#include "lab/gradcheck/report/counting.h"
#include "models/models.h"

namespace vitrine::gradcheck {
namespace {

ReportEntry& entry_for(std::vector<ReportEntry>& entries, const char* kernel, DType dtype,
                       const std::string& shape) {
    for (ReportEntry& entry : entries) {
        if (entry.kernel == kernel && entry.shape == shape) return entry;
    }
    entries.push_back({kernel, "", dtype, shape, 0, {}, {}});
    return entries.back();
}

/// A call has the shape of the layer in whose pass it comes, and whatever was launched since the call before it.
std::vector<ReportEntry> calls_of_step(tools::LayerTimer& timer, DType dtype) {
    std::vector<ReportEntry> entries;
    std::optional<size_t> running;
    const Counting counting;
    const CallObserver observer([&](const KernelCall& call) {
        std::vector<simt::LaunchReport> launches = counting.take();
        if (!running) return;
        ReportEntry& entry = entry_for(entries, call.kernel, dtype, timer.layers()[*running].shape);
        entry.times += 1;
        entry.least += call.least;
        std::ranges::move(launches, std::back_inserter(entry.launches));
    });
    timer.run([&](size_t layer, vitrine::Pass) { running = layer; });
    return entries;
}

}  // namespace

std::vector<ReportEntry> report_model(const ModelReportOptions& options) {
    const int64_t own_size = models::model_from_name(options.model).image_size;
    const simt::Settings before = simt::settings();
    simt::set_settings({.check = false});
    tools::LayerTimer timer(tools::model_workload(
        options.model, {.device = Device::simt,
                        .precision = options.precision,
                        .image_size = options.image_size > 0 ? options.image_size : own_size,
                        .batch_size = options.batch_size,
                        .classes = options.classes}));
    simt::set_settings(before);
    return calls_of_step(timer, options.precision);
}

}  // namespace vitrine::gradcheck
