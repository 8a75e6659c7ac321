// What all schedulers share: counting steps, and their state.

#include "engine/optim/schedulers/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {

int64_t counter_in_state(double number, int64_t most) {
    const bool counter = number >= 0.0 && number <= static_cast<double>(most) && number == std::floor(number);
    if (!counter)
        throw Error(fmt::format(
            "a learning-rate scheduler's saved state holds {} where it counts from 0 to {}", number, most));
    return static_cast<int64_t>(number);
}

void Scheduler::step(std::optional<double> metric) {
    if (needs_metric() && !metric)
        throw Error("this learning-rate scheduler watches a metric, and none was measured for it");
    ++steps_;
    advance(metric);
}

std::vector<double> Scheduler::state() const {
    std::vector<double> numbers{static_cast<double>(steps_), setting_.learning_rate, setting_.momentum};
    const std::vector<double> further = further_state();
    numbers.insert(numbers.end(), further.begin(), further.end());
    return numbers;
}

void Scheduler::set_state(const std::vector<double>& state) {
    const size_t expected = this->state().size();
    if (state.size() != expected)
        throw Error(
            fmt::format("a learning-rate scheduler's saved state holds {} numbers where its kind has {}",
                        state.size(), expected));
    if (!std::ranges::all_of(state, [](double number) { return std::isfinite(number); }))
        throw Error("a learning-rate scheduler's saved state holds a number that is not finite");
    steps_ = counter_in_state(state[0]);
    setting_ = {state[1], state[2]};
    set_further_state({state.begin() + 3, state.end()});
}

std::unique_ptr<Scheduler> make_scheduler(const KindSpec& kind, Hyperparameters initial, int64_t length) {
    return std::visit([&](const auto& spec) { return make_kind(spec, initial, length); }, kind);
}

}  // namespace vitrine::optim
