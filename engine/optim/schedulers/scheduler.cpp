// What all schedulers share: counting steps, and their state.

#include "engine/optim/schedulers/scheduler.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/optim/schedulers/kinds.h"

namespace vitrine::optim {

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
    steps_ = static_cast<int64_t>(state[0]);
    setting_ = {state[1], state[2]};
    set_further_state({state.begin() + 3, state.end()});
}

std::unique_ptr<Scheduler> make_scheduler(const KindSpec& kind, Setting initial, int64_t length) {
    return std::visit([&](const auto& spec) { return make_kind(spec, initial, length); }, kind);
}

}  // namespace vitrine::optim
