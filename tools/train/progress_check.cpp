// Whether counters can be true: see progress_check.h.

#include "tools/train/progress_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"
#include "kernels/optim.h"

namespace vitrine::train {
namespace {

constexpr int64_t most_batches = 1'000'000'000'000;  // keeps products with other counters within 64 bits
constexpr size_t most_checkpoints = 1000;            // as the recipe allows

void require_within(const char* what, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high)
        throw Error(fmt::format("{} is {}, but must be from {} to {}", what, value, low, high));
}

void require(bool holds, const char* otherwise) {
    if (!holds) throw Error(otherwise);
}

void check_phases(const Progress& progress, const recipe::Recipe& recipe,
                  std::span<const EpochMetrics> epochs) {
    const auto phases = static_cast<int64_t>(recipe.phases.size());
    require_within("the number of phases that are over", progress.phase(), 0, phases);
    int64_t begin = 0;
    for (size_t i = 0; i < progress.phase_ends.size(); ++i) {
        require_within("the end of a phase", progress.phase_ends[i], begin + 1,
                       std::min(begin + recipe.phases[i].epochs, progress.epoch));
        begin = progress.phase_ends[i];
    }
    const bool finished = progress.phase() == phases;
    const int64_t most = finished ? 0 : recipe.phases[progress.phase_ends.size()].epochs - 1;
    require_within("the number of epochs done in the phase", progress.phase_epoch(), 0, most);
    size_t phase = 0;
    for (const EpochMetrics& epoch : epochs) {
        while (phase < progress.phase_ends.size() && epoch.epoch > progress.phase_ends[phase]) ++phase;
        require(epoch.phase == recipe.phases[phase].name, "its phases are not those of metrics.jsonl");
    }
}

void check_epoch_in_progress(const Progress& progress, const recipe::TrainingSettings& training,
                             bool finished) {
    require_within("the number of batches in an epoch", progress.batches_per_epoch, training.accumulate,
                   most_batches);
    const int64_t used = progress.batches_per_epoch / training.accumulate * training.accumulate;
    require_within("batch", progress.batch, 0, finished ? 0 : used);
    require(progress.batch % training.accumulate == 0, "batch is inside a step");
    const tools::Scores::Sums& sums = progress.scores.sums();
    const int64_t most = progress.batch * training.batch_size;
    // A set that does not fill a batch is trained on in one smaller one.
    const bool partial = progress.batches_per_epoch == 1 && progress.batch == 1;
    require_within("the number of images in the epoch so far", sums.count, partial ? 1 : most, most);
    require_within("the number of images among the first five", sums.top5, 0, sums.count);
    require_within("the number of images that are right", sums.top1, 0, sums.top5);
    require(sums.loss >= 0.0, "the loss of the epoch so far is below 0");
    require_within("the number of losses that are not logged yet", progress.logged_loss.count, 0,
                   progress.epoch * used + progress.batch);
}

}  // namespace

void check_progress(const Progress& progress, const recipe::Recipe& recipe,
                    std::span<const EpochMetrics> epochs) {
    require_within("epoch", progress.epoch, std::ssize(epochs), std::ssize(epochs));
    check_phases(progress, recipe, epochs);
    check_epoch_in_progress(progress, recipe.training, progress.phase() == std::ssize(recipe.phases));
    const int64_t steps_before = epochs.empty() ? 0 : epochs.back().step;
    const int64_t step = steps_before + progress.batch / recipe.training.accumulate;
    require_within("step", progress.step, step, step);
    require_within("the number of steps left out", progress.skipped_steps, 0, progress.step);
    require(progress.last_setting.learning_rate >= 0.0, "the learning rate is below 0");
    require(progress.last_setting.momentum >= 0.0 && progress.last_setting.momentum < 1.0,
            "the momentum is not from 0 to 1");
    require(progress.gradient_norm_ema >= 0.0, "the usual norm of the gradients is below 0");
    const LossScaleState& scale = progress.loss_scale;
    const bool scaled = recipe.training.precision == DType::f16;
    require(scaled ? scale.scale >= LossScale::least && scale.scale <= LossScale::most : scale.scale == 1.0,
            "the scale of the loss is not one of its precision");
    require_within("the number of updates since the loss was scaled otherwise", scale.followed_in_turn, 0,
                   scaled ? LossScale::interval - 1 : 0);
    require(progress.recent_bests.size() <= most_checkpoints, "it remembers more checkpoints than are kept");
    for (const int64_t best : progress.recent_bests)
        require_within("the best epoch", best, 0, progress.epoch);
}

}  // namespace vitrine::train
