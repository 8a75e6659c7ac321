// The running figures of an epoch's training: see meter.h.

#include "tools/train/meter.h"

namespace vitrine::train {

void Meter::Smooth::add(double value) {
    constexpr double keep = 0.97;  // a step counts half after 23 more
    sum_ = keep * sum_ + value;
    weight_ = keep * weight_ + 1.0;
}

void Meter::add(const BatchResult& result, int64_t samples, double data_seconds, double step_seconds) {
    tools::Scores of_step;
    of_step.add(result, samples);
    smooth_loss_.add(of_step.loss());
    smooth_accuracy_.add(of_step.accuracy());
    scores_.add(result, samples);
    ++steps_;
    data_seconds_ += data_seconds;
    step_seconds_ += step_seconds;
}

double Meter::images_per_second() const {
    return seconds() > 0.0 ? static_cast<double>(scores_.count()) / seconds() : 0.0;
}

double Meter::data_share() const { return seconds() > 0.0 ? data_seconds_ / seconds() : 0.0; }

double Meter::seconds_for(int64_t steps) const {
    return steps_ == 0 ? 0.0 : seconds() / static_cast<double>(steps_) * static_cast<double>(steps);
}

}  // namespace vitrine::train
