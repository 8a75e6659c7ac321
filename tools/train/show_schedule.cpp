// train --show-schedule: learning rate and momentum of every phase, before anything is trained.

#include <nlohmann/json.hpp>

#include <iostream>

#include "tools/recipe/schedule_plot.h"
#include "tools/train/phase_plan.h"
#include "tools/train/run.h"
#include "tools/train/setup.h"

namespace vitrine::train {

int show_schedule(const Options& options, Reporter& reporter) {
    const Dataset dataset = load_data(options, reporter);
    const std::vector<tools::PlannedPhase> phases =
        planned_phases(plan_run(options.recipe, dataset.train.count));
    for (const std::string& notice : options.recipe.notices) reporter.notice(notice);
    if (options.json) {
        std::cout << tools::schedule_json(phases).dump() << '\n';
    } else {
        std::cout << tools::plot_schedule(phases);
    }
    return 0;
}

}  // namespace vitrine::train
