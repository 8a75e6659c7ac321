// The epochs of a run: see trainer.h.

#include "tools/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/common/non_finite.h"
#include "tools/train/interrupt.h"
#include "tools/train/stopwatch.h"

namespace vitrine::train {
namespace {

tools::HostBatch host_batch(const Batch& batch, const ImageSet& set) {
    return {batch.images, batch.labels, set.height};
}

/// Training leaves an incomplete last batch out, unless there is no other.
LoaderOptions training_loader(const ImageSet& set, const TrainerOptions& options) {
    LoaderOptions loader;
    loader.batch_size = std::min(options.batch_size, set.count);
    loader.shuffle = true;
    loader.seed = options.seed;
    loader.drop_last = true;
    return loader;
}

}  // namespace

tools::Scores evaluate(tools::TrainingStep& step, const ImageSet& set, int64_t batch_size,
                       Reporter& reporter) {
    LoaderOptions options;
    options.batch_size = std::min(batch_size, set.count);
    options.shuffle = false;
    Loader loader(set, options);
    loader.start_epoch(0);
    tools::Scores scores;
    int64_t done = 0;
    for (Batch batch; interrupted_by() == 0 && loader.next(batch);) {
        scores.add(step.evaluate(host_batch(batch, set)), batch.labels);
        reporter.validating(++done, loader.batches());
    }
    return scores;
}

Trainer::Trainer(nn::Module& model, tools::TrainingStep& step, const Dataset& dataset,
                 const TrainerOptions& options, const std::map<std::string, std::string>& metadata,
                 const RunFolder& folder, Reporter& reporter)
    : model_(model),
      step_(step),
      dataset_(dataset),
      options_(options),
      metadata_(metadata),
      folder_(folder),
      reporter_(reporter),
      loader_(dataset.train, training_loader(dataset.train, options)) {}

Ending Trainer::run() {
    for (int64_t epoch = 1; epoch <= options_.epochs && !ended(); ++epoch) {
        const Meter meter = train_epoch(epoch);
        if (interrupted_by() != 0 || !finish_epoch(epoch, meter)) {
            save_interrupted();
            break;
        }
    }
    return {best_, interrupted_by()};
}

bool Trainer::ended() const { return interrupted_by() != 0 || steps_done_ >= options_.schedule.total_steps; }

Meter Trainer::train_epoch(int64_t epoch) {
    loader_.start_epoch(epoch - 1);
    Meter meter;
    Stopwatch watch;
    for (Batch batch; !ended() && loader_.next(batch);) {
        const double data_seconds = watch.restart();
        const tools::HostBatch images = host_batch(batch, dataset_.train);
        const double rate = options_.schedule.rate_at(steps_done_);
        const tools::StepOutput output =
            step_.train(images, rate, options_.seed, static_cast<uint32_t>(steps_done_));
        if (!std::isfinite(output.loss)) explain_loss(images);
        ++steps_done_;
        learning_rate_ = rate;
        meter.add(output, batch.labels, data_seconds, watch.restart());
        reporter_.step(position(epoch, meter), meter);
    }
    return meter;
}

Position Trainer::position(int64_t epoch, const Meter& meter) const {
    const int64_t steps_left = options_.schedule.total_steps - steps_done_;
    const double validations = static_cast<double>(options_.epochs - epoch + 1);
    return {.epoch = epoch,
            .epochs = options_.epochs,
            .step = meter.steps(),
            .steps = std::min(loader_.batches(), meter.steps() + steps_left),
            .steps_left = steps_left,
            .seconds_between = validation_seconds_ * validations};
}

bool Trainer::finish_epoch(int64_t epoch, const Meter& meter) {
    check_parameters(model_.state());
    const Stopwatch watch;
    const tools::Scores scores = evaluate(step_, dataset_.validation, options_.batch_size, reporter_);
    if (interrupted_by() != 0) return false;
    validation_seconds_ = watch.seconds();
    if (!std::isfinite(scores.loss()))
        throw Diverged(
            fmt::format("the validation loss after epoch {} is {} though all parameters are finite: the "
                        "logits overflow; try a lower --lr",
                        epoch, scores.loss()));
    const EpochMetrics metrics{.epoch = epoch,
                               .step = steps_done_,
                               .learning_rate = learning_rate_,
                               .train_loss = meter.scores().loss(),
                               .train_accuracy = meter.scores().accuracy(),
                               .val_loss = scores.loss(),
                               .val_accuracy = scores.accuracy(),
                               .val_top5 = scores.top5(),
                               .images_per_second = meter.images_per_second(),
                               .data_seconds = meter.data_seconds(),
                               .step_seconds = meter.step_seconds()};
    epochs_done_ = epoch;
    auto description = metadata();
    description["val_accuracy"] = fmt::format("{}", metrics.val_accuracy);
    folder_.save_last(model_, description);
    if (best_.update(metrics)) folder_.save_best(model_, description);
    folder_.append(metrics);
    reporter_.epoch(metrics, options_.epochs);
    return true;
}

void Trainer::save_interrupted() {
    check_parameters(model_.state());
    folder_.save_last(model_, metadata());
    reporter_.notice(fmt::format("interrupted after step {}: the weights are in {}", steps_done_,
                                 (folder_.path() / "last.safetensors").string()));
}

std::map<std::string, std::string> Trainer::metadata() const {
    std::map<std::string, std::string> all = metadata_;
    all["epoch"] = std::to_string(epochs_done_);
    all["step"] = std::to_string(steps_done_);
    return all;
}

void Trainer::explain_loss(const tools::HostBatch& batch) const {
    // Not the running statistics: the very forward pass that failed has moved them.
    check_parameters(model_.trainable());
    const std::optional<std::string> op = tools::first_non_finite_op(
        [&] { step_.repeat_forward(batch, options_.seed, static_cast<uint32_t>(steps_done_)); });
    throw Diverged(
        fmt::format("the loss of step {} is not finite: the first op that made it so is {}; try a lower --lr",
                    steps_done_ + 1, op.value_or("none that a second run of the step could find")));
}

void Trainer::check_parameters(const std::vector<nn::NamedParameter>& parameters) const {
    const nn::NamedParameter* found = tools::first_non_finite(parameters);
    if (found == nullptr) return;
    const bool trained = found->parameter->role == nn::Role::trained;
    throw Diverged(
        fmt::format("{} {} is not finite after step {}, which had a learning rate of {:g}; try a lower --lr",
                    trained ? "parameter" : "statistic", found->name, steps_done_, learning_rate_));
}

}  // namespace vitrine::train
