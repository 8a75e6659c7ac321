// The few numbers of steps in the device's memory: see scalars.h.

#include "engine/step/scalars.h"

#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>

#include "kernels/optim.h"

namespace vitrine {
namespace {

// The places of the numbers in their structs.
constexpr int64_t healthy = 0, gradient_norm_ema = 1, average_updates = 2, scale = 3, in_turn = 4;
static_assert(sizeof(StepState<float>) == 5 * sizeof(float));
static_assert(sizeof(UpdateDecision<float>) == 4 * sizeof(float));
static_assert(sizeof(BatchRecord<float>) == 3 * sizeof(float));
static_assert(sizeof(UpdateRecord<float>) == 2 * sizeof(float));

}  // namespace

StepScalars::StepScalars(Placement placement) : numbers_(Tensor::zeros({all}, placement)) {
    set(healthy, 1.0);
    set(scale, 1.0);
}

void* StepScalars::at(int64_t element) const { return numbers_.part(element, {1}).data(); }

void StepScalars::set(int64_t element, double value) {
    numbers_.part(element, {1}).assign(std::span<const double>(&value, 1));
}

void* StepScalars::next_batch() const {
    if (batches_ == capacity) throw std::logic_error("more batches than a reading can hold");
    return at(first_batch + batch_size * batches_);
}

void* StepScalars::next_update() {
    if (updates_ == capacity) throw std::logic_error("more updates than a reading can hold");
    return at(first_update + update_size * updates_++);
}

void StepScalars::share(int64_t first, int64_t count, DeviceCollective& processes) {
    if (processes.ranks() == 1) return;
    const Tensor records = numbers_.part(first_batch + batch_size * first, {batch_size * count});
    {
        const Beside beside(processes);
        processes.gather(records.data(), records.bytes() / static_cast<size_t>(processes.ranks()));
    }
    processes.finish();
    const std::vector<double> values = records.to_host<double>();
    for (size_t loss = 0; loss < values.size(); loss += batch_size) {
        if (!std::isfinite(values[loss])) set(healthy, 0.0);
    }
}

StepScalars::Reading StepScalars::read() {
    const std::vector<double> numbers = numbers_.to_host<double>();
    const auto number = [&](int64_t element) { return numbers[static_cast<size_t>(element)]; };
    Reading reading;
    for (int64_t i = 0; i < batches_; ++i) {
        const int64_t record = first_batch + batch_size * i;
        reading.batches.push_back({number(record), static_cast<int64_t>(number(record + 1)),
                                   static_cast<int64_t>(number(record + 2))});
    }
    for (int64_t i = 0; i < updates_; ++i) {
        const int64_t record = first_update + update_size * i;
        reading.updates.push_back({number(record), number(record + 1) != 0.0});
    }
    reading.gradient_norm_ema = number(gradient_norm_ema);
    reading.loss_scale = {number(scale), static_cast<int64_t>(number(in_turn))};
    batches_ = updates_ = 0;
    return reading;
}

void StepScalars::set_gradient_norm_ema(double norm) {
    if (updates_ != 0) throw std::logic_error("results of steps are unread");
    set(gradient_norm_ema, norm);
}

Tensor StepScalars::loss_scale() const { return numbers_.part(scale, {1}); }

void StepScalars::set_loss_scale(LossScaleState state) {
    if (updates_ != 0) throw std::logic_error("results of steps are unread");
    set(scale, state.scale);
    set(in_turn, static_cast<double>(state.followed_in_turn));
}

void StepScalars::set_average_updates(int64_t updates) {
    if (updates_ != 0) throw std::logic_error("results of steps are unread");
    set(average_updates, static_cast<double>(updates));
}

}  // namespace vitrine
