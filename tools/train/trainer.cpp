// The phases and epochs of a run: see trainer.h.

#include "tools/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "engine/error.h"
#include "kernels/optim.h"
#include "tools/common/non_finite.h"
#include "tools/report/tensorboard.h"
#include "tools/train/interrupt.h"
#include "tools/train/own_files.h"
#include "tools/train/run_data.h"
#include "tools/train/run_state.h"
#include "tools/train/setup.h"
#include "tools/train/trained_parts.h"

namespace vitrine::train {
namespace {

constexpr int64_t logged_steps = 4000;         // of a run, about: more would make no better curve
constexpr int64_t first_steps = 100;           // all of these are: a run that diverges mostly does so here
constexpr double seconds_between_reads = 0.1;  // as often as a terminal shows something new

int64_t log_interval(const RunPlan& plan) { return std::max<int64_t>(1, plan.steps() / logged_steps); }

}  // namespace

LoaderOptions Trainer::loader_options(const BatchShare& share) const {
    return training_loader(context_.recipe, context_.dataset.train, context_.class_weights,
                           context_.training_inputs, share);
}

Trainer::Trainer(const TrainerContext& context, const Limits& limits)
    : context_(context),
      limits_(limits),
      loader_(context_.dataset.train, loader_options(own_share())),
      inputs_(loader_, context_.training_inputs, own_share()) {
    if (context_.recipe.training.ema_decay > 0.0)
        context_.step.keep_average(context_.recipe.training.ema_decay);
    if (context_.recipe.training.precision == DType::f16) progress_.loss_scale = {LossScale::first, 0};
    if (context_.recipe.training.graph) graph_.emplace(context_.step);
    progress_.batches_per_epoch = context_.plan.batches_per_epoch;
    enter_phase();
}

void Trainer::resume(const Resumption& resumption) {
    progress_ = resumption.progress;
    if (!finished()) enter_phase();
    const LiveState live{context_.model, context_.step.optimiser(), average() ? &*average() : nullptr,
                         *scheduler_};
    restore(resumption.checkpoint, live, resumption.source);
    context_.step.set_gradient_norm_ema(progress_.gradient_norm_ema);
    if (context_.recipe.training.precision == DType::f16) context_.step.scale_loss(progress_.loss_scale);
    if (tools::first_non_finite(context_.model.state()) != nullptr)
        throw Error(fmt::format("{}: its weights are not finite", resumption.source));
    if (finished()) return;
    const auto begin = static_cast<size_t>(progress_.first_epoch());
    *scheduler_ =
        scheduler_after(phase(), context_.plan.steps_per_epoch, std::span(resumption.epochs).subspan(begin),
                        progress_.batch / accumulate());
    if (!resumption.changed) restore_scheduler(resumption.checkpoint, live, resumption.source);
}

void Trainer::enter_phase() {
    if (graph_) graph_->forget();
    scheduler_.emplace(make_scheduler(phase(), context_.plan.steps_per_epoch));
    set_trained_parts(phase().settings, context_.recipe.model.name, context_.model, context_.step);
}

void Trainer::begin_phase() {
    const recipe::PhaseSettings& settings = phase().settings;
    if (settings.reset_momentum) context_.step.optimiser().reset_momentum();
    if (settings.start_from != recipe::StartFrom::best || !progress_.best.epoch()) return;
    try {
        context_.folder.load_best(context_.model, progress_.best.epoch()->epoch);
    } catch (const Error& error) {  // they could not be written: a full disk
        context_.reporter.notice(
            fmt::format("{}; {} begins with the last weights", error.what(), settings.name));
        return;
    }
    if (average()) average()->restart();
}

RunResult Trainer::run() {
    try {
        return run_epochs();
    } catch (const AbsentProcess&) {
        keep_last_step();
        throw;
    }
}

RunResult Trainer::run_epochs() {
    since_checkpoint_.restart();
    while (!finished()) {
        const Meter meter = train_epoch();
        const bool whole = progress_.batch == context_.plan.steps_per_epoch * accumulate();
        if (!whole || signal_ != 0 || !finish_epoch(meter)) {
            stop(meter);
            break;
        }
        if (!finished() && must_stop()) {
            say_stopped();
            break;
        }
    }
    return {progress_.best, ended_by(), signal_, context_.folder.missing_weights(progress_)};
}

EndedBy Trainer::ended_by() const {
    if (finished()) return end_of(context_.recipe.phases.back(), progress_);
    if (signal_ != 0) return EndedBy::signal;
    return limits_.steps && progress_.step >= *limits_.steps ? EndedBy::max_steps : EndedBy::max_minutes;
}

Meter Trainer::train_epoch() {
    Meter meter;
    if (must_stop()) return meter;
    if (progress_.at_phase_start()) begin_phase();
    inputs_.start_epoch(progress_.epoch, progress_.batch);
    context_.ranks.start_waiting_clock();
    Stopwatch watch;
    const int64_t batches = context_.plan.steps_per_epoch * accumulate();
    while (progress_.batch < batches && !must_stop() && inputs_.next()) {
        train_batch(meter, watch.restart());
        watch.restart();
    }
    read_steps(meter);
    return meter;
}

void Trainer::keep_last_step() {
    if (!context_.ranks.is_first() || !at_step_end()) return;
    context_.step.abandon_batch();
    save_checkpoint();
}

bool Trainer::must_stop() {
    if (!at_step_end()) return false;
    if (is_interrupted()) return true;
    if (limits_.steps && progress_.step >= *limits_.steps) return true;
    if (!limits_.minutes) return false;
    return context_.ranks.largest(since_start_.seconds() >= 60.0 * *limits_.minutes ? 1 : 0) != 0;
}

bool Trainer::is_interrupted() {
    signal_ = static_cast<int>(context_.ranks.largest(interrupted_by()));
    return signal_ != 0;
}

int64_t Trainer::shard_number(int64_t shard) const {
    return (progress_.epoch * context_.plan.batches_per_epoch + progress_.batch) * shards() + shard;
}

void Trainer::train_batch(Meter& meter, double data_seconds) {
    const Stopwatch watch;
    const bool watches = watches_next_step();
    if (watches) read_steps(meter);  // no line is to follow that of a loss that is not finite
    in_step_ = true;
    Unread unread{.samples = inputs_.batch().count,
                  .batch = progress_.batch,
                  .steps_before = progress_.step,
                  .setting_before = progress_.last_setting,
                  .data_seconds = data_seconds};
    std::optional<WatchedStep> watched;
    if (context_.step.synchronises_batch_norm())
        train_together(watches ? &watched : nullptr);
    else
        train_in_turn(watches ? &watched : nullptr);
    ++progress_.batch;
    if (at_step_end()) unread.update = count_update();
    if (watched)
        context_.folder.add_watched(
            watched->line(progress_.step, epoch_of(progress_.step), accumulate() * shards()));
    unread.position = position();
    unread.step_seconds = watch.seconds();
    unread_.push_back(unread);
    const bool checkpoint = at_step_end() && checkpoint_due();
    // Several processes hear of a loss that is not finite after the same step.
    const bool at_once = checkpoint || context_.step.must_read() || context_.ranks.several();
    if (at_once || since_read_.seconds() >= seconds_between_reads) read_steps(meter);
    if (checkpoint) save_checkpoint();
}

void Trainer::train_in_turn(std::optional<WatchedStep>* watched) {
    const int64_t end = context_.step.first_shard() + context_.step.shards_here();
    for (int64_t shard = context_.step.first_shard(); shard < end; ++shard)
        train_shard({shard, shard + 1 == end, watched});
}

void Trainer::train_shard(const ShardPlace& place) {
    const int64_t number = shard_number(place.number);
    const NetworkInput input = next_input(place.number);
    std::optional<UpdateOptions> update;
    if (place.is_last && ends_step()) update = next_update();
    if (graph_ && place.watched == nullptr) {
        graph_->run(input, context_.recipe.seed, static_cast<uint32_t>(number), update);
        if (graph_->problem().empty()) return;
        give_up_graph();
        return;
    }
    if (place.watched != nullptr && place.number == 0) place.watched->emplace(context_.step);
    context_.step.accumulate(input, context_.recipe.seed, static_cast<uint32_t>(number));
    if (place.watched != nullptr && *place.watched) (*place.watched)->look_away();
    if (update) context_.step.update(*update);
}

void Trainer::train_together(std::optional<WatchedStep>* watched) {
    if (graph_) give_up_graph();
    TrainingStep& step = context_.step;
    std::vector<NetworkInput> inputs;
    for (int64_t place = 0; place < step.shards_here(); ++place)
        inputs.push_back(next_input(step.first_shard() + place));
    if (watched != nullptr && step.first_shard() == 0) watched->emplace(step);
    step.accumulate_together(inputs, context_.recipe.seed,
                             static_cast<uint32_t>(shard_number(step.first_shard())));
    if (watched != nullptr && *watched) (*watched)->look_away();
    if (ends_step()) step.update(next_update());
}

NetworkInput Trainer::next_input(int64_t shard) {
    NetworkInput input = inputs_.take();
    const Batch samples = part_of(inputs_.batch(), shard, shards());
    context_.dump->write(context_.model, input, samples, shard_number(shard) + 1);
    return input;
}

void Trainer::give_up_graph() {
    context_.reporter.notice(
        fmt::format("steps are not recorded as graphs (training.graph): {}", graph_->problem()));
    graph_.reset();
}

UpdateOptions Trainer::next_update() const {
    const recipe::TrainingSettings& training = context_.recipe.training;
    const optim::Hyperparameters setting = scheduler_->setting();
    return {.learning_rate = setting.learning_rate,
            .momentum = setting.momentum,
            .batches = training.accumulate,
            .clip_norm = training.clip_norm,
            .skip_outliers = training.skip_outliers,
            .measure_norm = logs_next_step()};
}

Trainer::UnreadUpdate Trainer::count_update() {
    progress_.last_setting = scheduler_->setting();
    const bool logged = logs_next_step();
    ++progress_.step;
    in_step_ = false;
    scheduler_->after_batch();
    require_folder();
    return {progress_.step, progress_.last_setting, logged};
}

void Trainer::read_steps(Meter& meter) {
    const StepScalars::Reading reading = context_.step.read();
    since_read_.restart();
    auto batch = reading.batches.begin();
    auto updated = reading.updates.begin();
    for (const Unread& unread : std::exchange(unread_, {})) {
        const BatchResult& result = *batch++;
        if (!std::isfinite(result.loss)) explain_loss(unread);
        progress_.scores.add(result, unread.samples);
        progress_.logged_loss.add(result.loss);
        losses_.add_batch(result.loss);
        if (unread.update) {
            const UpdateResult& of_update = *updated++;
            losses_.end_step(unread.update->step, of_update.norm);
            progress_.skipped_steps += of_update.followed ? 0 : 1;
            if (unread.update->logged) log_step(*unread.update, of_update.norm);
        }
        meter.add(result, unread.samples, unread.data_seconds, unread.step_seconds);
        context_.reporter.step(unread.position, meter);
    }
    progress_.gradient_norm_ema = reading.gradient_norm_ema;
    progress_.loss_scale = reading.loss_scale;
}

bool Trainer::watches_next_step() const {
    const int64_t interval = context_.recipe.training.watch, step = progress_.step + 1;
    return interval > 0 && ends_step() && (step == 1 || step % interval == 0);
}

double Trainer::epoch_of(int64_t step) const {
    return static_cast<double>(step) / static_cast<double>(context_.plan.steps_per_epoch);
}

bool Trainer::logs_next_step() const {
    const int64_t step = progress_.step + 1;
    return step <= first_steps || step % log_interval(context_.plan) == 0;
}

void Trainer::log_step(const UnreadUpdate& update, double gradient_norm) {
    const Json line = {{"step", update.step},
                       {"epoch", epoch_of(update.step)},
                       {"loss", progress_.logged_loss.value()},
                       {"learning_rate", update.setting.learning_rate},
                       {"momentum", update.setting.momentum},
                       {"gradient_norm", gradient_norm}};
    progress_.logged_loss = {};
    context_.folder.add_step(line);
}

Position Trainer::position() const {
    const int64_t batches = context_.plan.steps_per_epoch * accumulate();
    const int64_t epochs_left = context_.plan.epochs - progress_.epoch;
    return {.epoch = progress_.epoch + 1,
            .epochs = context_.plan.epochs,
            .step = progress_.batch,
            .steps = batches,
            .steps_left = epochs_left * batches - progress_.batch,
            .seconds_between = validation_seconds_ * static_cast<double>(epochs_left)};
}

bool Trainer::checkpoint_due() const {
    return since_checkpoint_.seconds() >= 60.0 * context_.recipe.training.checkpoint_minutes;
}

bool Trainer::save_checkpoint() {
    const Stopwatch watch;
    const bool saved = context_.folder.save_checkpoint(
        progress_, to_toml(context_.recipe),
        [&] {
            check_parameters(context_.model.state());
            SafeTensors state = state_of(
                {context_.model, context_.step.optimiser(), average() ? &*average() : nullptr, *scheduler_});
            state.tensors.push_back(data_tensor(context_.identity));
            state.metadata = context_.metadata;  // what the model is, as in the weights' files
            state.metadata.erase("data");        // which the tensor says
            return state;
        },
        context_.reporter);
    since_checkpoint_.restart();
    checkpoint_seconds_ += watch.seconds();
    return saved;
}

bool Trainer::save_weights(const EpochMetrics& metrics, bool best) {
    auto description = metadata();
    description["val_accuracy"] = fmt::format("{}", metrics.judged().accuracy);
    // What is judged is what is kept: the averaged weights, where there are some.
    if (average()) average()->swap();
    bool saved = context_.folder.save_last(context_.model, description, context_.reporter);
    if (best)
        saved =
            context_.folder.save_best(context_.model, metrics.epoch, description, context_.reporter) && saved;
    if (average()) average()->swap();
    return saved;
}

std::map<std::string, std::string> Trainer::metadata() const {
    std::map<std::string, std::string> all = context_.metadata;
    all["epoch"] = std::to_string(progress_.epoch);
    all["step"] = std::to_string(progress_.step);
    all["weights"] = average() ? "averaged" : "plain";
    return all;
}

void Trainer::require_folder() const {
    if (context_.folder.is_still_there()) return;
    throw FolderLost(fmt::format(
        "the run's folder {} was removed or replaced after step {}: nothing more is written there",
        context_.folder.path().string(), progress_.step));
}

}  // namespace vitrine::train
