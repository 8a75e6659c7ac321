// The running figures of an epoch's training.
#pragma once

#include <cstdint>

#include "tools/common/scores.h"

namespace vitrine::train {

/// Where the run is, for the progress bar.
struct Position {
    int64_t epoch = 1, epochs = 1;  // counted from 1
    int64_t step = 0, steps = 0;    // batches done and to do in this epoch
    int64_t steps_left = 0;         // batches in the whole run
    double seconds_between = 0.0;   // still to come outside of steps: validation
};

class Meter {
  public:
    /// A batch of so many samples.
    void add(const BatchResult& result, int64_t samples, double data_seconds, double step_seconds);

    const tools::Scores& scores() const { return scores_; }
    int64_t steps() const { return steps_; }
    double data_seconds() const { return data_seconds_; }
    double step_seconds() const { return step_seconds_; }
    double images_per_second() const;
    /// Share of the time that was spent waiting for batches.
    double data_share() const;
    /// Mean of the last few dozen steps: recent ones count most.
    double smooth_loss() const { return smooth_loss_.value(); }
    double smooth_accuracy() const { return smooth_accuracy_.value(); }
    /// For so many more steps at the present speed.
    double seconds_for(int64_t steps) const;

  private:
    double seconds() const { return data_seconds_ + step_seconds_; }

    /// An exponential mean that is right from the first value on.
    class Smooth {
      public:
        void add(double value);
        double value() const { return weight_ == 0.0 ? 0.0 : sum_ / weight_; }

      private:
        double sum_ = 0.0, weight_ = 0.0;
    };

    tools::Scores scores_;
    int64_t steps_ = 0;
    double data_seconds_ = 0.0, step_seconds_ = 0.0;
    Smooth smooth_loss_, smooth_accuracy_;
};

}  // namespace vitrine::train
