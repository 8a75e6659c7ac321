// What others see of a run after each epoch: the report, and TensorBoard's event files.
#pragma once

#include <memory>

#include "tools/report/tensorboard.h"
#include "tools/train/metrics.h"
#include "tools/train/reporter.h"
#include "tools/train/run_folder.h"

namespace vitrine::train {

/// Nothing that goes wrong here ends a run: a notice says what could not be written, once.
class Publisher {
  public:
    /// `first_step` is the first that is going to be trained; 0 in a new run.
    Publisher(const RunFolder& folder, bool tensorboard, int64_t first_step, Reporter& reporter);

    void epoch(const EpochMetrics& metrics, const EpochTiming& timing);

  private:
    void write_events(const EpochMetrics& metrics, const EpochTiming& timing);
    template <class Write>
    void try_to(Write write);

    const RunFolder& folder_;
    Reporter& reporter_;
    std::unique_ptr<report::EventWriter> events_;
    bool failing_ = false;
};

}  // namespace vitrine::train
