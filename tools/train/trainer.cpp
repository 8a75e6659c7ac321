// The phases and epochs of a run: see trainer.h.

#include "tools/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include "engine/error.h"
#include "tools/common/non_finite.h"
#include "tools/report/tensorboard.h"
#include "tools/train/interrupt.h"
#include "tools/train/own_files.h"
#include "tools/train/run_data.h"
#include "tools/train/run_state.h"

namespace vitrine::train {
namespace {

/// How far a step's norm moves the usual one.
constexpr double norm_memory = 0.98;
constexpr int64_t logged_steps = 4000;  // of a run, about: more would make no better curve
constexpr int64_t first_steps = 100;    // all of these are: a run that diverges mostly does so here

/// Training leaves an incomplete last batch out, unless there is no other.
LoaderOptions training_loader(const Workshop& workshop) {
    const ImageSet& set = workshop.dataset.train;
    LoaderOptions loader;
    loader.batch_size = std::min(workshop.recipe.training.batch_size, set.count);
    loader.shuffle = true;
    loader.seed = workshop.recipe.seed;
    loader.drop_last = true;
    loader.pixels = workshop.training_inputs.needs_pixels();
    return loader;
}

/// What a mixed image counts as: the label that has more of it, its own at halves.
std::vector<int32_t> stronger_labels(const NetworkInput& input, const std::vector<int32_t>& own) {
    const bool mixed_in = input.other_labels.defined() && input.share < 0.5;
    return mixed_in ? input.other_labels.to_host<int32_t>() : own;
}

int64_t log_interval(const RunPlan& plan) { return std::max<int64_t>(1, plan.steps() / logged_steps); }

}  // namespace

Trainer::Trainer(const Workshop& workshop, const Limits& limits)
    : w_(workshop), limits_(limits), loader_(w_.dataset.train, training_loader(w_)) {
    if (w_.recipe.training.ema_decay > 0.0) ema_.emplace(w_.model);
    progress_.batches_per_epoch = w_.plan.batches_per_epoch;
    enter_phase();
}

void Trainer::resume(const Resumption& resumption) {
    progress_ = resumption.progress;
    if (!finished()) enter_phase();
    const LiveState live{w_.model, w_.step.optimiser(), ema_ ? &*ema_ : nullptr, *scheduler_};
    restore(resumption.checkpoint, live, resumption.source);
    if (tools::first_non_finite(w_.model.state()) != nullptr)
        throw Error(fmt::format("{}: its weights are not finite", resumption.source));
    if (finished()) return;
    const auto begin = static_cast<size_t>(progress_.first_epoch());
    *scheduler_ =
        scheduler_after(phase(), w_.plan.steps_per_epoch, std::span(resumption.epochs).subspan(begin),
                        progress_.batch / w_.recipe.training.accumulate);
    if (!resumption.changed) restore_scheduler(resumption.checkpoint, live, resumption.source);
}

void Trainer::enter_phase() {
    scheduler_.emplace(make_scheduler(phase(), w_.plan.steps_per_epoch));
    w_.step.optimiser().set_options(sgd_options(phase().settings));
}

void Trainer::begin_phase() {
    const recipe::PhaseSettings& settings = phase().settings;
    if (settings.reset_momentum) w_.step.optimiser().reset_momentum();
    if (settings.start_from != recipe::StartFrom::best || !progress_.best.epoch()) return;
    try {
        w_.folder.load_best(w_.model, progress_.best.epoch()->epoch);
    } catch (const Error& error) {  // they could not be written: a full disk
        w_.reporter.notice(fmt::format("{}; {} begins with the last weights", error.what(), settings.name));
        return;
    }
    if (ema_) ema_.emplace(w_.model);
}

Ending Trainer::run() {
    since_checkpoint_.restart();
    while (!finished()) {
        const Meter meter = train_epoch();
        const bool whole = progress_.batch == w_.plan.steps_per_epoch * w_.recipe.training.accumulate;
        if (!whole || interrupted_by() != 0 || !finish_epoch(meter)) {
            stop(meter);
            break;
        }
        if (!finished() && must_stop()) {
            say_stopped();
            break;
        }
    }
    return {progress_.best, ended_by(), interrupted_by(), w_.folder.missing_weights(progress_)};
}

EndedBy Trainer::ended_by() const {
    if (finished()) return end_of(w_.recipe.phases.back(), progress_);
    if (interrupted_by() != 0) return EndedBy::signal;
    return limits_.steps && progress_.step >= *limits_.steps ? EndedBy::max_steps : EndedBy::max_minutes;
}

RunFailure Trainer::failure(const std::string& sentence) const {
    return {.sentence = sentence,
            .epoch = std::min(progress_.epoch + 1, w_.plan.epochs),
            .step = progress_.step + (in_step_ ? 1 : 0)};
}

Meter Trainer::train_epoch() {
    Meter meter;
    if (must_stop()) return meter;
    if (progress_.at_phase_start()) begin_phase();
    loader_.start_epoch(progress_.epoch, progress_.batch);
    Stopwatch watch;
    const int64_t batches = w_.plan.steps_per_epoch * w_.recipe.training.accumulate;
    for (Batch batch; progress_.batch < batches && !must_stop() && loader_.next(batch);) {
        train_batch(batch, meter, watch.restart());
        watch.restart();
    }
    return meter;
}

bool Trainer::must_stop() const {
    if (!at_step_end()) return false;
    if (interrupted_by() != 0) return true;
    if (limits_.steps && progress_.step >= *limits_.steps) return true;
    return limits_.minutes && since_start_.seconds() >= 60.0 * *limits_.minutes;
}

uint32_t Trainer::batch_number() const {
    return static_cast<uint32_t>(progress_.epoch * w_.plan.batches_per_epoch + progress_.batch);
}

void Trainer::train_batch(const Batch& batch, Meter& meter, double data_seconds) {
    const Stopwatch watch;
    in_step_ = true;
    const NetworkInput input = w_.training_inputs.make(batch, static_cast<uint32_t>(progress_.epoch));
    if (at_step_end()) w_.step.optimiser().zero_gradients();
    const tools::StepOutput output = w_.step.backward(input, w_.recipe.seed, batch_number());
    if (!std::isfinite(output.loss)) explain_loss(input);
    ++progress_.batch;
    const std::vector<int32_t> labels = stronger_labels(input, batch.labels);
    progress_.scores.add(output, labels);
    progress_.logged_loss.add(output.loss);
    if (at_step_end()) update();
    meter.add(output, labels, data_seconds, watch.seconds());
    w_.reporter.step(position(), meter);
    if (at_step_end() && checkpoint_due()) save_checkpoint();
}

void Trainer::update() {
    const recipe::TrainingSettings& training = w_.recipe.training;
    optim::Sgd& optimiser = w_.step.optimiser();
    const double scale = 1.0 / static_cast<double>(training.accumulate);
    progress_.last_setting = scheduler_->setting();
    const bool guarded = guards_norm();
    double norm = 0.0;
    if (guarded || logs_next_step()) norm = scale * optimiser.gradient_norm();
    if (guarded && is_outlier(norm)) {
        ++progress_.skipped_steps;
    } else {
        const double clipped =
            training.clip_norm > 0.0 ? optim::clip_coefficient(norm, training.clip_norm) : 1.0;
        optimiser.step({.learning_rate = progress_.last_setting.learning_rate,
                        .momentum = progress_.last_setting.momentum,
                        .gradient_scale = scale * clipped});
        if (ema_) ema_->update(optim::warmed_up_decay(training.ema_decay, ema_->updates()));
    }
    if (guarded && std::isfinite(norm)) {
        const double keep = progress_.usual_norm > 0.0 ? norm_memory : 0.0;
        progress_.usual_norm = keep * progress_.usual_norm + (1.0 - keep) * norm;
    }
    const bool logged = logs_next_step();
    ++progress_.step;
    in_step_ = false;
    scheduler_->after_batch();
    require_folder();
    if (logged) log_step(norm);
}

bool Trainer::guards_norm() const {
    return w_.recipe.training.clip_norm > 0.0 || w_.recipe.training.skip_outliers > 0.0;
}

bool Trainer::is_outlier(double norm) const {
    if (!std::isfinite(norm)) return true;
    const double factor = w_.recipe.training.skip_outliers;
    return factor > 0.0 && progress_.usual_norm > 0.0 && norm > factor * progress_.usual_norm;
}

bool Trainer::logs_next_step() const {
    const int64_t step = progress_.step + 1;
    return step <= first_steps || step % log_interval(w_.plan) == 0;
}

void Trainer::log_step(double gradient_norm) {
    const double epoch = static_cast<double>(progress_.step) / static_cast<double>(w_.plan.steps_per_epoch);
    const Json line = {{"step", progress_.step},
                       {"epoch", epoch},
                       {"loss", progress_.logged_loss.value()},
                       {"learning_rate", progress_.last_setting.learning_rate},
                       {"momentum", progress_.last_setting.momentum},
                       {"gradient_norm", gradient_norm}};
    progress_.logged_loss = {};
    w_.folder.add_step(line);
}

Position Trainer::position() const {
    const int64_t accumulate = w_.recipe.training.accumulate;
    const int64_t batches = w_.plan.steps_per_epoch * accumulate;
    const int64_t epochs_left = w_.plan.epochs - progress_.epoch;
    return {.epoch = progress_.epoch + 1,
            .epochs = w_.plan.epochs,
            .step = progress_.batch,
            .steps = batches,
            .steps_left = epochs_left * batches - progress_.batch,
            .seconds_between = validation_seconds_ * static_cast<double>(epochs_left)};
}

bool Trainer::checkpoint_due() const {
    return since_checkpoint_.seconds() >= 60.0 * w_.recipe.training.checkpoint_minutes;
}

bool Trainer::save_checkpoint() {
    const Stopwatch watch;
    const bool saved = w_.folder.save_checkpoint(
        progress_, to_toml(w_.recipe),
        [&] {
            check_parameters(w_.model.state());
            SafeTensors state =
                state_of({w_.model, w_.step.optimiser(), ema_ ? &*ema_ : nullptr, *scheduler_});
            state.tensors.push_back(data_tensor(w_.identity));
            return state;
        },
        w_.reporter);
    since_checkpoint_.restart();
    checkpoint_seconds_ += watch.seconds();
    return saved;
}

bool Trainer::save_weights(const EpochMetrics& metrics, bool best) {
    auto description = metadata();
    description["val_accuracy"] = fmt::format("{}", metrics.judged().accuracy);
    // What is judged is what is kept: the averaged weights, where there are some.
    if (ema_) ema_->swap();
    bool saved = w_.folder.save_last(w_.model, description, w_.reporter);
    if (best) saved = w_.folder.save_best(w_.model, metrics.epoch, description, w_.reporter) && saved;
    if (ema_) ema_->swap();
    return saved;
}

std::map<std::string, std::string> Trainer::metadata() const {
    std::map<std::string, std::string> all = w_.metadata;
    all["epoch"] = std::to_string(progress_.epoch);
    all["step"] = std::to_string(progress_.step);
    all["weights"] = ema_ ? "averaged" : "plain";
    return all;
}

void Trainer::require_folder() const {
    if (w_.folder.is_still_there()) return;
    throw FolderLost(fmt::format(
        "the run's folder {} was removed or replaced after step {}: nothing more is written there",
        w_.folder.path().string(), progress_.step));
}

void Trainer::explain_loss(const NetworkInput& input) const {
    // Not the running statistics: the very forward pass that failed has moved them.
    check_parameters(w_.model.trainable());
    const std::optional<std::string> op =
        tools::first_non_finite_op([&] { w_.step.repeat_forward(input, w_.recipe.seed, batch_number()); });
    throw Diverged(fmt::format(
        "the loss of step {} is not finite: the first op that made it so is {}; try a lower learning rate",
        progress_.step + 1, op.value_or("none that a second run of the step could find")));
}

void Trainer::check_parameters(const std::vector<nn::NamedParameter>& parameters) const {
    const nn::NamedParameter* found = tools::first_non_finite(parameters);
    if (found == nullptr) return;
    const bool trained = found->parameter->role == nn::Role::trained;
    throw Diverged(fmt::format(
        "{} {} is not finite after step {}, which had a learning rate of {:g}; try a lower learning rate",
        trained ? "parameter" : "statistic", found->name, progress_.step,
        progress_.last_setting.learning_rate));
}

}  // namespace vitrine::train
