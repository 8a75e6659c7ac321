// What a trainer says where numbers are not finite, or a run fails: which op, parameter or step it was, and what to try.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "tools/common/non_finite.h"
#include "tools/train/trainer.h"

namespace vitrine::train {

RunFailure Trainer::failure(const std::string& sentence) const {
    return {.sentence = sentence,
            .epoch = std::min(progress_.epoch + 1, context_.plan.epochs),
            .step = progress_.step + (in_step_ ? 1 : 0)};
}

void Trainer::explain_loss(const Unread& failed) {
    // The device has left out this update and all later ones: only the counters have gone on.
    progress_.batch = failed.batch;
    progress_.step = failed.steps_before;
    progress_.last_setting = failed.setting_before;
    in_step_ = true;
    // Not the running statistics: the very forward pass that failed has moved them.
    check_parameters(context_.model.trainable());
    Loader loader(context_.dataset.train, loader_options({}));  // of all shards: each process looks at each
    loader.start_epoch(progress_.epoch, progress_.batch);
    Batch batch;
    loader.next(batch);
    std::optional<std::string> op;
    for (int64_t shard = 0; shard < shards() && !op; ++shard) {
        const NetworkInput input = context_.training_inputs.make(
            part_of(batch, shard, shards()), batch.images, static_cast<uint32_t>(progress_.epoch));
        op = tools::first_non_finite_op([&] {
            context_.step.repeat_forward(input, context_.recipe.seed,
                                         static_cast<uint32_t>(shard_number(shard)));
        });
    }
    diverge(fmt::format("the loss of step {} is not finite: the first op that made it so is {}",
                        progress_.step + 1, op.value_or("none that a second run of the step could find")));
}

void Trainer::diverge(const std::string& what) const {
    std::string sentence = what + ". ";
    if (const std::string before = losses_.told(); !before.empty()) sentence += before + ". ";
    sentence += "Try a lower learning rate";
    if (context_.recipe.training.clip_norm == 0.0) sentence += ", or training.clip_norm = 1";
    throw Diverged(sentence + "; more in tools/recipes/when_training_goes_wrong.md");
}

void Trainer::check_parameters(const std::vector<nn::NamedParameter>& parameters) const {
    const nn::NamedParameter* found = tools::first_non_finite(parameters);
    if (found == nullptr) return;
    const bool trained = found->parameter->role == nn::Role::trained;
    diverge(fmt::format("{} {} is not finite after step {}, which had a learning rate of {:g}",
                        trained ? "parameter" : "statistic", found->name, progress_.step,
                        progress_.last_setting.learning_rate));
}

}  // namespace vitrine::train
