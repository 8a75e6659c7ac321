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
      scheduler_(make_scheduler(spec.kind, initial, steps_after_warmup(spec, batches_per_epoch, epochs))) {
    if (!spec.warmup) return;
    warmup_per_ = spec.warmup->per;
    Warmup warmup = *spec.warmup;
    warmup.length = warmup.length_in(batches_per_epoch, epochs);
    warmup_left_ = warmup_length_ = warmup.length;
    warmup_ = make_warmup(warmup, {scheduler_->initial_rate(), scheduler_->setting().momentum});
}

Hyperparameters PhaseScheduler::setting() const { return (warming_up() ? warmup_ : scheduler_)->setting(); }

void PhaseScheduler::step_warmup() {
    warmup_->step();
    if (--warmup_left_ == 0) scheduler_->begin_after_warmup();
}

void PhaseScheduler::after_batch() {
    last_batch_counts_ = !warming_up();
    if (warming_up()) {
        if (warmup_per_ == Per::batch) step_warmup();
    } else if (per_ == Per::batch) {
        scheduler_->step();
    }
}

void PhaseScheduler::after_epoch(std::optional<double> metric) {
    if (warming_up()) {
        if (warmup_per_ == Per::epoch) step_warmup();
    } else if (per_ == Per::epoch && last_batch_counts_) {
        scheduler_->step(metric);
    }
}

Hyperparameters PhaseScheduler::at(int64_t update) const {
    const int64_t epoch = update / batches_per_epoch_;
    if (update < warmup_batches_) return warmup_->at(warmup_per_ == Per::batch ? update : epoch);
    if (per_ == Per::batch) return scheduler_->at(update - warmup_batches_);
    // An epoch whose last batch is still warm-up does not count.
    return scheduler_->at(epoch - warmup_batches_ / batches_per_epoch_);
}

std::vector<double> PhaseScheduler::state() const {
    std::vector<double> numbers{static_cast<double>(warmup_left_), last_batch_counts_ ? 1.0 : 0.0};
    const auto append = [&](const std::vector<double>& more) {
        numbers.insert(numbers.end(), more.begin(), more.end());
    };
    append(scheduler_->state());
    if (warmup_) append(warmup_->state());
    return numbers;
}

void PhaseScheduler::set_state(const std::vector<double>& state) {
    if (state.size() != this->state().size())
        throw Error(
            fmt::format("the saved state of a learning-rate scheduler holds {} numbers where this one has {}",
                        state.size(), this->state().size()));
    warmup_left_ = counter_in_state(state[0], warmup_length_);
    last_batch_counts_ = state[1] != 0.0;
    const auto begin = state.begin() + 2;
    const auto end = begin + static_cast<std::ptrdiff_t>(scheduler_->state().size());
    scheduler_->set_state({begin, end});
    if (warmup_) warmup_->set_state({end, state.end()});
}

int64_t Warmup::length_in(int64_t batches_per_epoch, int64_t epochs) const {
    if (!share) return length;
    const int64_t steps = per == Per::epoch ? epochs : batches_per_epoch * epochs;
    return std::max<int64_t>(std::llround(*share * static_cast<double>(steps)), 1);
}

int64_t batches_of_warmup(const SchedulerSpec& spec, int64_t batches_per_epoch, int64_t epochs) {
    if (!spec.warmup) return 0;
    return spec.warmup->length_in(batches_per_epoch, epochs) *
           (spec.warmup->per == Per::epoch ? batches_per_epoch : 1);
}

int64_t steps_after_warmup(const SchedulerSpec& spec, int64_t batches_per_epoch, int64_t epochs) {
    const int64_t batches = batches_per_epoch * epochs;
    const int64_t warmup_batches = batches_of_warmup(spec, batches_per_epoch, epochs);
    const int64_t steps =
        spec.per == Per::batch ? batches - warmup_batches : epochs - warmup_batches / batches_per_epoch;
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
