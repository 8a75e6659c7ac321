// What train does: see run.h.

#include "tools/train/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "tools/common/standard_output.h"
#include "tools/common/thread_choice.h"
#include "tools/train/trainer.h"

namespace vitrine::train {
namespace {

std::unique_ptr<Reporter> make_reporter(const Options& options, const Ranks& ranks) {
    if (!ranks.is_first()) return make_silent_reporter();
    if (options.json) return make_json_reporter();
    return options.quiet ? make_quiet_reporter() : make_text_reporter();
}

int print_recipe(const Options& options) {
    std::cout << recipe::to_toml(options.recipe);
    return 0;
}

bool is_training(const Options& options) {
    return !options.summary && !options.show_recipe && !options.show_schedule && !options.preview &&
           options.eval_only.empty() && !options.overfit_one_batch;
}

int wanted_threads(const Options& options, Ranks& ranks) {
    if (options.threads > 0 || !ranks.several()) return options.threads;
    return ranks.processes().cores();
}

}  // namespace

int run(const Options& given, Ranks& ranks) {
    if (!ranks.is_first() && !is_training(given)) return 0;
    if (given.summary) return print_summary(given);
    if (given.show_recipe) return print_recipe(given);
    const std::unique_ptr<Reporter> reporter = make_reporter(given, ranks);
    Options options = given;
    options.threads = tools::choose_threads(is_training(given) ? wanted_threads(given, ranks) : given.threads,
                                            [&](const std::string& sentence) { reporter->notice(sentence); });
    if (options.show_schedule) return show_schedule(options, *reporter);
    if (options.preview) return write_preview(options, *reporter);
    if (!options.eval_only.empty()) return evaluate_only(options, *reporter);
    // The run's folder is what counts from here on, whether or not somebody still watches.
    tools::go_on_without_output();
    try {
        return options.overfit_one_batch ? overfit_one_batch(options, *reporter)
                                         : train(options, *reporter, ranks);
    } catch (const Diverged& diverged) {
        reporter->notice(fmt::format("train: {}", diverged.what()));
        return 1;
    } catch (const FolderLost& lost) {
        reporter->notice(fmt::format("train: {}", lost.what()));
        return 1;
    }
}

}  // namespace vitrine::train
