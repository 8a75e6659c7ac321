// What others see of a run after each epoch: the report, and TensorBoard's event files.
#pragma once

#include <memory>
#include <vector>

#include "tools/report/run_files.h"
#include "tools/report/tensorboard.h"
#include "tools/train/metrics.h"
#include "tools/train/reporter.h"
#include "tools/train/run_folder.h"

namespace vitrine::train {

/// Nothing that goes wrong here ends a run: a notice says what could not be written, once.
class Publisher {
  public:
    /// TensorBoard's files are also written where there are some already.
    Publisher(const RunFolder& folder, bool tensorboard, Reporter& reporter);

    /// Before the first epoch: whatever an earlier process has drawn becomes what these epochs are, no more
    /// and no less.
    void redraw(const std::vector<EpochMetrics>& epochs, const std::vector<EpochTiming>& timings);
    /// After another one.
    void epoch(const EpochMetrics& metrics, const EpochTiming& timing);
    /// run.json and the report say how the run has ended.
    void ending(const RunEnding& ending);

  private:
    void add_preview();
    void add_events(const EpochMetrics& metrics, const EpochTiming& timing);
    /// Of the logged steps that have none yet, up to one of them.
    void add_gradient_norms(const std::vector<report::StepFigures>& steps, int64_t last, double time);
    template <class Write>
    void try_to(Write write);

    const RunFolder& folder_;
    Reporter& reporter_;
    std::unique_ptr<report::EventWriter> events_;
    double drawn_steps_ = 0.0;  // up to this one their gradients' norms are among the events
    bool failing_ = false;
};

}  // namespace vitrine::train
