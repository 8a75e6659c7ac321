// The report of a training step: see model_report.h.

#include "lab/gradcheck/report/model_report.h"

#include <algorithm>
#include <optional>

#include "lab/common/workloads.h"
#include "lab/gradcheck/report/counting.h"
#include "models/models.h"

namespace vitrine::gradcheck {
namespace {

using tools::Layer;
using tools::LayerTimer;

/// The least bytes of a layer are not told apart into read and written.
Cost least_of(const tools::Cost& cost) { return {cost.bytes, 0, cost.flops}; }

class StepReport {
  public:
    explicit StepReport(LayerTimer& timer) : timer_(timer) {}

    std::vector<ReportEntry> run() {
        const Counting counting;
        timer_.run([&](size_t layer, Pass pass) {
            close(counting);
            running_ = {layer, pass};
        });
        close(counting);
        return std::move(entries_);
    }

  private:
    struct Position {
        size_t layer;
        vitrine::Pass pass;
    };
    using Pass = vitrine::Pass;

    /// Whatever was launched since the last announcement belongs to the pass that was announced.
    void close(const Counting& counting) {
        std::vector<simt::LaunchReport> launches = counting.take();
        if (!running_ || launches.empty()) return;
        const Layer& layer = timer_.layers()[running_->layer];
        ReportEntry& entry = entry_for(layer, running_->pass);
        entry.times += 1;
        entry.least += least_of(layer.cost(running_->pass));
        std::ranges::move(launches, std::back_inserter(entry.launches));
    }

    ReportEntry& entry_for(const Layer& layer, Pass pass) {
        const std::string kernel = layer.op + suffix(layer.op, pass);
        for (ReportEntry& entry : entries_) {
            if (entry.kernel == kernel && entry.shape == layer.shape) return entry;
        }
        entries_.push_back({kernel, "", DType::f32, layer.shape, 0, {}, {}});
        return entries_.back();
    }

    static const char* suffix(const std::string& op, Pass pass) {
        if (op == "sgd_update" || op == "finish_images" || op == "score_batch") return "";
        return pass == Pass::forward ? "_forward" : "_backward";
    }

    LayerTimer& timer_;
    std::optional<Position> running_;
    std::vector<ReportEntry> entries_;
};

}  // namespace

std::vector<ReportEntry> report_model(const ModelReportOptions& options) {
    const int64_t own_size = models::model_from_name(options.model).image_size;
    const simt::Settings before = simt::settings();
    simt::set_settings({.check = false});
    LayerTimer timer(tools::model_workload(
        options.model, {.device = Device::simt,
                        .image_size = options.image_size > 0 ? options.image_size : own_size,
                        .batch_size = options.batch_size,
                        .classes = options.classes}));
    simt::set_settings(before);
    return StepReport(timer).run();
}

}  // namespace vitrine::gradcheck
