// What others see of a run: see publisher.h.

#include "tools/train/publisher.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/input_file.h"
#include "tools/report/report.h"
#include "tools/train/own_files.h"

namespace vitrine::train {
namespace {

constexpr uint64_t largest_preview = 1 << 30;

}  // namespace

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

Publisher::Publisher(const RunFolder& folder, bool tensorboard, Reporter& reporter)
    : folder_(folder), reporter_(reporter) {
    if (!tensorboard && !report::has_event_files(folder.path())) return;
    try_to([&] { events_ = std::make_unique<report::EventWriter>(folder.path()); });
}

void Publisher::redraw(const std::vector<EpochMetrics>& epochs, const std::vector<EpochTiming>& timings) {
    if (events_) {
        try_to([&] {
            add_preview();
            for (size_t i = 0; i < epochs.size(); ++i) add_events(epochs[i], timings[i]);
            events_->flush();
        });
    }
    if (!epochs.empty()) try_to([&] { report::write_report(folder_.path()); });
}

void Publisher::epoch(const EpochMetrics& metrics, const EpochTiming& timing) {
    if (events_) {
        try_to([&] {
            add_events(metrics, timing);
            events_->flush();
        });
    }
    try_to([&] { report::write_report(folder_.path()); });
}

void Publisher::add_preview() {
    const std::filesystem::path preview = folder_.path() / preview_file;
    std::error_code failure;
    if (!std::filesystem::exists(std::filesystem::symlink_status(preview, failure))) return;
    events_->image("augmentation/preview", 0, read_file(preview, largest_preview, Links::refuse),
                   report::seconds_since_1970());
}

void Publisher::add_events(const EpochMetrics& metrics, const EpochTiming& timing) {
    const auto scalar = [&](const char* tag, double value) {
        events_->scalar(tag, metrics.step, static_cast<float>(value), timing.ended);
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
}

}  // namespace vitrine::train
