// What train does: see run.h.

#include "tools/train/run.h"

#include <fmt/format.h>

#include <iostream>

#include "tools/common/standard_output.h"
#include "tools/common/thread_choice.h"
#include "tools/train/trainer.h"

namespace vitrine::train {
namespace {

std::unique_ptr<Reporter> make_reporter(const Options& options) {
    if (options.json) return make_json_reporter();
    return options.quiet ? make_quiet_reporter() : make_text_reporter();
}

int print_recipe(const Options& options) {
    std::cout << recipe::to_toml(options.recipe);
    return 0;
}

}  // namespace

int run(const Options& given) {
    if (given.summary) return print_summary(given);
    if (given.show_recipe) return print_recipe(given);
    const std::unique_ptr<Reporter> reporter = make_reporter(given);
    Options options = given;
    options.threads = tools::choose_threads(given.threads,
                                            [&](const std::string& sentence) { reporter->notice(sentence); });
    if (options.show_schedule) return show_schedule(options, *reporter);
    if (options.preview) return write_preview(options, *reporter);
    if (!options.eval_only.empty()) return evaluate_only(options, *reporter);
    // The run's folder is what counts from here on, whether or not somebody still watches.
    tools::go_on_without_output();
    try {
        return options.overfit_one_batch ? overfit_one_batch(options, *reporter) : train(options, *reporter);
    } catch (const Diverged& diverged) {
        reporter->notice(fmt::format("train: {}", diverged.what()));
        return 1;
    } catch (const FolderLost& lost) {
        reporter->notice(fmt::format("train: {}", lost.what()));
        return 1;
    }
}

}  // namespace vitrine::train
