// A recipe, and behind a line "--set" assignments, one a line. What is read must be written so that it is
// read the same, and its schedules must be drawn.

#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "engine/error.h"
#include "tests/fuzz/support.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/recipe_file.h"
#include "tools/recipe/schedule_plot.h"

namespace {

using namespace vitrine;

constexpr std::string_view marker = "\n--set\n";

recipe::Recipe read(std::string_view input) {
    const size_t end = std::min(input.find(marker), input.size());
    toml::table table = parse_toml(input.substr(0, end), "recipe");
    if (end < input.size()) {
        std::istringstream assignments{std::string(input.substr(end + marker.size()))};
        for (std::string line; std::getline(assignments, line);) recipe::set_assignment(table, line);
    }
    return recipe::parse_recipe(table, "recipe");
}

void plan(const recipe::Recipe& recipe) {
    constexpr int64_t batches = 3, most = 300;
    std::vector<tools::PlannedPhase> phases;
    for (const recipe::PhaseSettings& phase : recipe.phases)
        phases.push_back(tools::plan_phase(phase.name, phase.scheduler, {phase.learning_rate, phase.momentum},
                                           batches, phase.epochs, most));
    tools::plot_schedule(phases);
    tools::schedule_json(phases);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    recipe::Recipe recipe;
    try {
        recipe = read(input);
    } catch (const Error&) {
        return 0;
    }
    const std::string whole = recipe::to_toml(recipe);
    // Whatever was taken is written so that it can be read: an Error here is a finding.
    if (recipe::to_toml(read(whole)) != whole)
        throw std::logic_error("a recipe that is another when it is read again");
    plan(recipe);
    return 0;
}
