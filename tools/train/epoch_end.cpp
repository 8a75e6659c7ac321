// What a trainer does when an epoch is over, or a run stops inside one: it measures, and writes what came of
// it.

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "tools/common/units.h"
#include "tools/report/tensorboard.h"
#include "tools/train/own_files.h"
#include "tools/train/trainer.h"

namespace vitrine::train {
namespace {

/// While it lives, the model has its averaged weights, where there are some: also until an exception has passed.
class AverageInModel {
  public:
    explicit AverageInModel(std::optional<optim::Ema>& average) : average_(average) {
        if (average_) average_->swap();
    }
    ~AverageInModel() {
        if (average_) average_->swap();
    }
    AverageInModel(const AverageInModel&) = delete;
    AverageInModel& operator=(const AverageInModel&) = delete;

  private:
    std::optional<optim::Ema>& average_;
};

}  // namespace

EpochMetrics Trainer::measure(ConfusionStatistics& mistakes) {
    const auto validate = [&](ConfusionStatistics* seen) {
        const tools::Scores scores =
            evaluate(context_.model, context_.validation_inputs, context_.dataset.validation,
                     context_.recipe.training.batch_size, seen, context_.reporter, context_.ranks);
        ValidationMetrics metrics{scores.loss(), scores.accuracy(), scores.top5()};
        if (seen != nullptr) metrics.balanced_accuracy = seen->balanced_accuracy();
        return metrics;
    };
    EpochMetrics metrics{.epoch = progress_.epoch + 1,
                         .phase = phase().settings.name,
                         .step = progress_.step,
                         .learning_rate = progress_.last_setting.learning_rate,
                         .momentum = progress_.last_setting.momentum,
                         .train_loss = progress_.scores.loss(),
                         .train_accuracy = progress_.scores.accuracy(),
                         .val = {},
                         .ema_val = {}};
    metrics.val = validate(average() ? nullptr : &mistakes);
    if (average()) {
        const AverageInModel swapped(average());
        metrics.ema_val = validate(&mistakes);
    }
    metrics.classes = mistakes.class_scores();
    return metrics;
}

bool Trainer::finish_epoch(const Meter& meter) {
    check_parameters(context_.model.state());
    const Ranks::Waited waited = context_.ranks.waited();
    const Stopwatch watch;
    ConfusionStatistics mistakes(static_cast<int64_t>(context_.dataset.class_names.size()));
    EpochMetrics metrics = measure(mistakes);
    if (is_interrupted()) return false;
    validation_seconds_ = watch.seconds();
    for (const double loss : {metrics.val.loss, metrics.judged().loss}) {
        if (!std::isfinite(loss))
            diverge(
                fmt::format("the validation loss after epoch {} is {} though all parameters are "
                            "finite: the logits overflow",
                            metrics.epoch, loss));
    }
    EpochTiming timing{.epoch = metrics.epoch,
                       .images_per_second = meter.images_per_second(),
                       .data_seconds = meter.data_seconds(),
                       .step_seconds = meter.step_seconds(),
                       .validation_seconds = validation_seconds_,
                       .checkpoint_seconds = std::exchange(checkpoint_seconds_, 0.0),
                       .ended = report::seconds_since_1970()};
    if (context_.ranks.several()) {
        timing.waiting_seconds = waited.seconds;
        timing.slowest_process = waited.least;
    }
    const bool best = progress_.best.update(metrics);
    progress_.scores = {};
    progress_.batch = 0;
    ++progress_.epoch;
    metrics.ends_run = phase_is_over() && progress_.phase() + 1 == std::ssize(context_.plan.phases);
    scheduler_->after_epoch(metric_for_scheduler(phase().settings, metrics));
    require_folder();
    context_.folder.add_epoch(metrics, timing);
    const bool kept = save_weights(metrics, best);
    // Of the model that is kept; before the checkpoint, with which the epoch is over for a later run.
    if (best)
        context_.folder.write_mistakes(
            mistakes.to_json(metrics.epoch, metrics.judged_weights(), context_.dataset.validation),
            context_.reporter);
    next_phase_if_done(metrics);
    // Without its weights an epoch is not over for a later run: that one trains it again, when there is room
    // for them.
    if (kept) save_checkpoint();
    context_.reporter.epoch(metrics, timing, context_.plan.epochs);
    if (context_.after_epoch) context_.after_epoch(metrics, timing);
    return true;
}

bool Trainer::phase_is_over() const {
    const int64_t patience = context_.recipe.training.early_stopping;
    const bool early = patience > 0 && progress_.epochs_without_better() >= patience;
    return early || progress_.phase_epoch() >= phase().epochs;
}

void Trainer::next_phase_if_done(const EpochMetrics& metrics) {
    if (!phase_is_over()) return;
    if (progress_.phase_epoch() < phase().epochs)
        context_.reporter.notice(fmt::format("{} ends after epoch {}: {} epochs brought no better accuracy",
                                             phase().settings.name, metrics.epoch,
                                             progress_.epochs_without_better()));
    progress_.phase_ends.push_back(progress_.epoch);
    if (!finished()) enter_phase();
}

void Trainer::stop(const Meter& meter) {
    require_folder();
    check_parameters(context_.model.state());
    const bool saved = save_checkpoint();
    const bool in_epoch = progress_.batch > 0 || progress_.step == 0;  // else they are saved
    {
        const AverageInModel swapped(average());
        if (in_epoch) context_.folder.save_last(context_.model, metadata(), context_.reporter);
        if (meter.steps() > 0 && signal_ == 0) measure_stopped();
    }
    if (saved) say_stopped();
}

void Trainer::measure_stopped() {
    const ImageSet& set = context_.dataset.validation;
    const int64_t batch_size = context_.recipe.training.batch_size;
    const tools::Scores scores = limits_.short_validation
                                     ? evaluate_one_batch(context_.model, context_.validation_inputs, set,
                                                          batch_size, context_.recipe.seed)
                                     : evaluate(context_.model, context_.validation_inputs, set, batch_size,
                                                nullptr, context_.reporter, context_.ranks);
    if (!std::isfinite(scores.loss()))
        throw Diverged(fmt::format("the validation loss after step {} is {}: the logits overflow",
                                   progress_.step, scores.loss()));
    context_.reporter.evaluated({scores, set.count, judged_weights()});
    if (scores.count() < set.count)
        context_.reporter.notice(
            fmt::format("this device is slow, so these are the scores of {} of the {} validation images, "
                        "drawn from all of them; --eval-only {} measures all",
                        tools::grouped(scores.count()), tools::grouped(set.count),
                        (context_.folder.path() / last_file).string()));
}

void Trainer::say_stopped() const {
    context_.reporter.notice(fmt::format("{} after step {}: run again with --out {} to go on",
                                         signal_ != 0 ? "interrupted" : "stopped", progress_.step,
                                         context_.folder.path().string()));
}

}  // namespace vitrine::train
