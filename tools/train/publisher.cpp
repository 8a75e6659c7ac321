// What others see of a run: see publisher.h.

#include "tools/train/publisher.h"

#include <fmt/format.h>

#include <cmath>
#include <exception>

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
            const std::vector<report::StepFigures> steps = report::read_run(folder_.path()).steps;
            for (size_t i = 0; i < epochs.size(); ++i) {
                add_events(epochs[i], timings[i]);
                add_gradient_norms(steps, epochs[i].step, timings[i].ended);
            }
            events_->flush();
        });
    }
    if (!epochs.empty()) try_to([&] { report::write_report(folder_.path()); });
}

void Publisher::epoch(const EpochMetrics& metrics, const EpochTiming& timing) {
    if (events_) {
        try_to([&] {
            add_events(metrics, timing);
            add_gradient_norms(report::read_run(folder_.path()).steps, metrics.step, timing.ended);
            events_->flush();
        });
    }
    try_to([&] { report::write_report(folder_.path()); });
}

void Publisher::ending(const RunEnding& ending) {
    if (!folder_.is_still_there()) return;
    try {
        folder_.write_ending(ending);
        report::write_report(folder_.path());
    } catch (const std::exception& error) {  // too little memory, too: what ended the run counts for more
        if (!failing_) reporter_.notice(error.what());
    }
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
    // Of the weights that are judged and kept: runs with and without averaged ones compare by these.
    scalar("judged/loss", metrics.judged().loss);
    scalar("judged/accuracy", metrics.judged().accuracy);
    scalar("schedule/learning_rate", metrics.learning_rate);
    scalar("schedule/momentum", metrics.momentum);
    scalar("speed/images_per_second", timing.images_per_second);
}

void Publisher::add_gradient_norms(const std::vector<report::StepFigures>& steps, int64_t last, double time) {
    for (const report::StepFigures& each : steps) {
        if (each.step <= drawn_steps_ || each.step > static_cast<double>(last)) continue;
        drawn_steps_ = each.step;
        if (!std::isfinite(each.gradient_norm)) continue;
        events_->scalar("gradient/norm", static_cast<int64_t>(each.step),
                        static_cast<float>(each.gradient_norm), time);
    }
}

}  // namespace vitrine::train
