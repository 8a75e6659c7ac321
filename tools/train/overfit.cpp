// train --overfit-one-batch: the first thing to try with a new model or new data. A network that cannot learn
// one batch by heart has a fault that no amount of training will mend.

#include <fmt/format.h>

#include <cmath>

#include "engine/step/step.h"
#include "tools/train/interrupt.h"
#include "tools/train/run.h"
#include "tools/train/setup.h"
#include "tools/train/trainer.h"

namespace vitrine::train {
namespace {

constexpr double learnt_loss = 0.01;
constexpr int64_t default_steps = 500;
constexpr int64_t steps_between_lines = 25;

}  // namespace

int overfit_one_batch(const Options& options, Reporter& reporter) {
    const recipe::Recipe& recipe = options.recipe;
    const tools::DeviceChoice device = set_up_machine(options);
    const Dataset dataset = load_data(options, reporter);
    const Placement placement{options.recipe.training.precision, device.device};
    // As validation sees images: what changes from step to step cannot be learnt by heart.
    InputMaker inputs(dataset.train, transforms_for(recipe, dataset).evaluation, placement);
    tools::ModelDescription description = describe_model(recipe, dataset, {}, inputs.output_size().height);
    description.variant.dropout = 0.0;
    const std::shared_ptr<nn::Module> model = tools::build_model(description, placement, recipe.seed);
    TrainingStep step(*model, sgd_options(recipe.phases.front()), 0.0);

    LoaderOptions options_of_batch{.batch_size = std::min(recipe.training.batch_size, dataset.train.count),
                                   .shuffle = true,
                                   .seed = recipe.seed};
    inputs.ask(options_of_batch);
    Loader loader(dataset.train, options_of_batch);
    loader.start_epoch(0);
    Batch batch;
    loader.next(batch);
    const NetworkInput input = inputs.make(batch, 0);

    const InterruptGuard guard;
    const double rate = recipe.phases.front().learning_rate;
    const int64_t steps = options.max_steps.value_or(default_steps);
    double loss = 0.0;
    for (int64_t i = 1; i <= steps && interrupted_by() == 0; ++i) {
        step.accumulate(input, recipe.seed, static_cast<uint32_t>(i));
        step.update({.learning_rate = rate});
        loss = step.read().batches.front().loss;
        if (!std::isfinite(loss))
            throw Diverged(fmt::format("the loss of step {} is not finite; try a lower learning rate", i));
        if (i % steps_between_lines == 0) reporter.notice(fmt::format("step {}  loss {:.4f}", i, loss));
        if (loss >= learnt_loss) continue;
        reporter.notice(fmt::format("the batch of {} images is learnt by heart: loss {:.4f} after {} steps",
                                    batch.count, loss, i));
        return 0;
    }
    reporter.notice(
        fmt::format("the batch of {} images is not learnt by heart: loss {:.4f} after {} steps, where "
                    "below {} was to be reached; try another learning rate, or look at the data with "
                    "--preview",
                    batch.count, loss, steps, learnt_loss));
    return interrupted_by() == 0 ? 1 : 128 + interrupted_by();
}

}  // namespace vitrine::train
