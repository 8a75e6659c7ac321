// The settings of every update of a run: see schedule_plan.h.

#include "tools/recipe/schedule_plan.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/recipe/describe_scheduler.h"

namespace vitrine::tools {
namespace {

constexpr int64_t most_sampled = 200'000;

/// Strictly rising numbers from 0 to updates - 1: one at a place that differs within each of `count` equal
/// stretches, so that nothing periodic falls into step with them.
std::vector<int64_t> spread(int64_t updates, int64_t count) {
    constexpr double golden = 0.6180339887498949;  // its multiples fill (0, 1) evenly
    const double stretch = static_cast<double>(updates) / static_cast<double>(count);
    std::vector<int64_t> numbers;
    for (int64_t i = 0; i < count; ++i) {
        const double place = static_cast<double>(i) * golden;
        const double number = (static_cast<double>(i) + place - std::floor(place)) * stretch;
        const int64_t low = i == 0 ? 0 : numbers.back() + 1;
        numbers.push_back(std::clamp(static_cast<int64_t>(number), low, updates - count + i));
    }
    numbers.front() = 0;
    numbers.back() = updates - 1;
    return numbers;
}

nlohmann::json points_of(const PlannedPhase& phase) {
    const std::vector<optim::Hyperparameters>& settings = phase.settings;
    auto points = nlohmann::json::array();
    for (size_t i = 0; i < settings.size(); ++i) {
        const bool same = i > 0 && settings[i].learning_rate == settings[i - 1].learning_rate &&
                          settings[i].momentum == settings[i - 1].momentum;
        if (!same) points.push_back({phase.update_of(i), settings[i].learning_rate, settings[i].momentum});
    }
    return points;
}

}  // namespace

PlannedPhase plan_phase(std::string name, const optim::SchedulerSpec& spec, optim::Hyperparameters initial,
                        int64_t batches_per_epoch, int64_t epochs, int64_t most) {
    PlannedPhase phase{std::move(name), spec, initial, batches_per_epoch, epochs, {}, {}};
    if (phase.updates() <= most) {
        phase.settings = preview_settings(spec, initial, batches_per_epoch, epochs);
    } else {
        phase.sampled = spread(phase.updates(), std::min(most, most_sampled));
        phase.settings = preview_settings_at(phase.sampled, spec, initial, batches_per_epoch, epochs);
    }
    return phase;
}

size_t PlannedPhase::first_from(int64_t update) const {
    if (sampled.empty()) return static_cast<size_t>(std::min(update, updates()));
    return static_cast<size_t>(std::ranges::lower_bound(sampled, update) - sampled.begin());
}

nlohmann::json schedule_json(const std::vector<PlannedPhase>& phases) {
    auto list = nlohmann::json::array();
    int64_t first_epoch = 1;
    for (const PlannedPhase& phase : phases) {
        nlohmann::json depends_on;
        if (const auto* plateau = std::get_if<optim::ReduceOnPlateauSpec>(&phase.spec.kind))
            depends_on = name_of(plateau->metric);
        list.push_back({{"name", phase.name},
                        {"scheduler", describe(phase.spec)},
                        {"first_epoch", first_epoch},
                        {"epochs", phase.epochs},
                        {"batches_per_epoch", phase.batches_per_epoch},
                        {"depends_on", depends_on},
                        {"points", points_of(phase)}});
        first_epoch += phase.epochs;
    }
    return {{"phases", list}};
}

}  // namespace vitrine::tools
