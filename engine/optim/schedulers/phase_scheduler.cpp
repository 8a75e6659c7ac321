// The scheduler of a phase: see phase_scheduler.h.

#include "engine/optim/schedulers/phase_scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace vitrine::optim {

PhaseScheduler::PhaseScheduler(const SchedulerSpec& spec, Hyperparameters initial, int64_t batches_per_epoch,
                               int64_t epochs)
    : per_(spec.per),
      batches_per_epoch_(batches_per_epoch),
      warmup_batches_(batches_of_warmup(spec, batches_per_epoch, epochs)),
      batches_before_(batches_before_scheduler(spec, batches_per_epoch, epochs)),
      scheduler_(make_scheduler(spec.kind, initial, steps_of_scheduler(spec, batches_per_epoch, epochs))) {
    if (spec.warmup) {
        warmup_per_ = spec.warmup->per;
        Warmup warmup = *spec.warmup;
        warmup.length = warmup.length_in(batches_per_epoch, epochs);
        warmup_left_ = warmup_length_ = warmup.length;
        warmup_ = make_warmup(warmup, {scheduler_->initial_rate(), scheduler_->setting().momentum});
    }
    if (spec.hold) {
        hold_per_ = spec.hold->per;
        hold_left_ = hold_length_ = spec.hold->length_in(batches_per_epoch, epochs);
    }
}

PhaseScheduler::Part PhaseScheduler::part() const {
    if (warmup_left_ > 0) return Part::warmup;
    return hold_left_ > 0 ? Part::hold : Part::scheduler;
}

Per PhaseScheduler::per_of(Part part) const {
    if (part == Part::scheduler) return per_;
    return part == Part::warmup ? warmup_per_ : hold_per_;
}

Hyperparameters PhaseScheduler::setting() const {
    switch (part()) {
        case Part::warmup:
            return warmup_->setting();
        case Part::hold:
            return {scheduler_->initial_rate(), scheduler_->setting().momentum};
        case Part::scheduler:
            break;
    }
    return scheduler_->setting();
}

void PhaseScheduler::step(Part part, std::optional<double> metric) {
    if (part == Part::scheduler) return scheduler_->step(metric);
    if (part == Part::warmup) warmup_->step();
    --(part == Part::warmup ? warmup_left_ : hold_left_);
    if (this->part() == Part::scheduler) scheduler_->begin_after_warmup();
}

void PhaseScheduler::after_batch() {
    last_batch_ = part();
    if (per_of(last_batch_) == Per::batch) step(last_batch_, {});
}

void PhaseScheduler::after_epoch(std::optional<double> metric) {
    // An epoch whose last batch was still another part's does not count.
    if (part() == last_batch_ && per_of(last_batch_) == Per::epoch) step(last_batch_, metric);
}

Hyperparameters PhaseScheduler::at(int64_t update) const {
    const int64_t epoch = update / batches_per_epoch_;
    if (update < warmup_batches_) return warmup_->at(warmup_per_ == Per::batch ? update : epoch);
    if (update < batches_before_) return {scheduler_->initial_rate(), scheduler_->at(0).momentum};
    if (per_ == Per::batch) return scheduler_->at(update - batches_before_);
    return scheduler_->at(epoch - batches_before_ / batches_per_epoch_);
}

std::vector<double> PhaseScheduler::state() const {
    std::vector<double> numbers{static_cast<double>(warmup_left_), static_cast<double>(last_batch_)};
    const auto append = [&](const std::vector<double>& more) {
        numbers.insert(numbers.end(), more.begin(), more.end());
    };
    append(scheduler_->state());
    if (warmup_) append(warmup_->state());
    if (hold_length_ > 0) numbers.push_back(static_cast<double>(hold_left_));
    return numbers;
}

void PhaseScheduler::set_state(const std::vector<double>& state) {
    if (state.size() != this->state().size())
        throw Error(
            fmt::format("the saved state of a learning-rate scheduler holds {} numbers where this one has {}",
                        state.size(), this->state().size()));
    warmup_left_ = counter_in_state(state[0], warmup_length_);
    last_batch_ = static_cast<Part>(counter_in_state(state[1], 2));
    const auto begin = state.begin() + 2;
    const auto end = begin + static_cast<std::ptrdiff_t>(scheduler_->state().size());
    scheduler_->set_state({begin, end});
    const auto last = state.end() - (hold_length_ > 0 ? 1 : 0);
    if (warmup_) warmup_->set_state({end, last});
    if (hold_length_ > 0) hold_left_ = counter_in_state(*last, hold_length_);
}

namespace {

/// At least 1.
int64_t steps_of_share(double share, Per per, int64_t batches_per_epoch, int64_t epochs) {
    const int64_t steps = per == Per::epoch ? epochs : batches_per_epoch * epochs;
    return std::max<int64_t>(std::llround(share * static_cast<double>(steps)), 1);
}

}  // namespace

int64_t Warmup::length_in(int64_t batches_per_epoch, int64_t epochs) const {
    return share ? steps_of_share(*share, per, batches_per_epoch, epochs) : length;
}

int64_t Hold::length_in(int64_t batches_per_epoch, int64_t epochs) const {
    return share ? steps_of_share(*share, per, batches_per_epoch, epochs) : length;
}

int64_t batches_of_warmup(const SchedulerSpec& spec, int64_t batches_per_epoch, int64_t epochs) {
    if (!spec.warmup) return 0;
    return spec.warmup->length_in(batches_per_epoch, epochs) *
           (spec.warmup->per == Per::epoch ? batches_per_epoch : 1);
}

int64_t batches_before_scheduler(const SchedulerSpec& spec, int64_t batches_per_epoch, int64_t epochs) {
    const int64_t warmup = batches_of_warmup(spec, batches_per_epoch, epochs);
    if (!spec.hold) return warmup;
    const int64_t length = spec.hold->length_in(batches_per_epoch, epochs);
    if (spec.hold->per == Per::batch) return warmup + length;
    return (warmup / batches_per_epoch + length) * batches_per_epoch;
}

int64_t steps_of_scheduler(const SchedulerSpec& spec, int64_t batches_per_epoch, int64_t epochs) {
    const int64_t batches = batches_per_epoch * epochs;
    const int64_t before = batches_before_scheduler(spec, batches_per_epoch, epochs);
    const int64_t steps = spec.per == Per::batch ? batches - before : epochs - before / batches_per_epoch;
    return std::max<int64_t>(steps, 1);
}

std::vector<Hyperparameters> preview_settings(SchedulerSpec spec, Hyperparameters initial,
                                              int64_t batches_per_epoch, int64_t epochs) {
    if (std::holds_alternative<ReduceOnPlateauSpec>(spec.kind)) spec.kind = ConstantSpec{};
    PhaseScheduler scheduler(spec, initial, batches_per_epoch, epochs);
    std::vector<Hyperparameters> settings;
    settings.reserve(static_cast<size_t>(batches_per_epoch * epochs));
    for (int64_t epoch = 0; epoch < epochs; ++epoch) {
        for (int64_t batch = 0; batch < batches_per_epoch; ++batch) {
            settings.push_back(scheduler.setting());
            scheduler.after_batch();
        }
        scheduler.after_epoch();
    }
    return settings;
}

std::vector<Hyperparameters> preview_settings_at(const std::vector<int64_t>& updates,
                                                 const SchedulerSpec& spec, Hyperparameters initial,
                                                 int64_t batches_per_epoch, int64_t epochs) {
    const PhaseScheduler scheduler(spec, initial, batches_per_epoch, epochs);
    std::vector<Hyperparameters> settings;
    settings.reserve(updates.size());
    for (const int64_t update : updates) settings.push_back(scheduler.at(update));
    return settings;
}

}  // namespace vitrine::optim
