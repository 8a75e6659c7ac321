// What others see of a run: see publisher.h.

#include "tools/train/publisher.h"

#include <fmt/format.h>

#include "engine/atomic_file.h"
#include "engine/error.h"
#include "tools/report/report.h"

namespace vitrine::train {

template <class Write>
void Publisher::try_to(Write write) {
    try {
        write();
        failing_ = false;
    } catch (const Error& error) {
        if (!failing_) reporter_.notice(fmt::format("{}; the run goes on", error.what()));
        failing_ = true;
    }
}

Publisher::Publisher(const RunFolder& folder, bool tensorboard, int64_t first_step, Reporter& reporter)
    : folder_(folder), reporter_(reporter) {
    if (!tensorboard) return;
    const std::optional<int64_t> resumed = first_step > 0 ? std::optional<int64_t>(first_step) : std::nullopt;
    events_ = std::make_unique<report::EventWriter>(folder.path(), resumed);
    const std::filesystem::path preview = folder.path() / "preview.png";
    if (std::filesystem::exists(preview))
        events_->image("augmentation/preview", first_step, read_file(preview), report::seconds_since_1970());
}

void Publisher::epoch(const EpochMetrics& metrics, const EpochTiming& timing) {
    if (events_) try_to([&] { write_events(metrics, timing); });
    try_to([&] { report::write_report(folder_.path()); });
}

void Publisher::write_events(const EpochMetrics& metrics, const EpochTiming& timing) {
    const double now = report::seconds_since_1970();
    const auto scalar = [&](const char* tag, double value) {
        events_->scalar(tag, metrics.step, static_cast<float>(value), now);
    };
    scalar("loss/train", metrics.train_loss);
    scalar("loss/validation", metrics.val.loss);
    scalar("accuracy/train", metrics.train_accuracy);
    scalar("accuracy/validation", metrics.val.accuracy);
    scalar("accuracy/validation_top5", metrics.val.top5);
    if (metrics.ema_val) {
        scalar("loss/validation_ema", metrics.ema_val->loss);
        scalar("accuracy/validation_ema", metrics.ema_val->accuracy);
    }
    scalar("schedule/learning_rate", metrics.learning_rate);
    scalar("schedule/momentum", metrics.momentum);
    scalar("speed/images_per_second", timing.images_per_second);
    events_->flush();
}

}  // namespace vitrine::train
