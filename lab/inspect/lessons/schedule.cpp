// Lesson 8: a warm-up.

#include "lab/inspect/lessons/lesson.h"
#include "tools/recipe/schedule_plan.h"

namespace vitrine::inspect {

Verdict check_schedule(const std::string& answer) {
    const std::vector<double> given = numbers_of(answer, 5);
    constexpr int64_t epochs = 5, batches_per_epoch = 100;
    optim::SchedulerSpec spec{.kind = optim::ConstantSpec{}, .per = optim::Per::epoch, .warmup = {}};
    spec.warmup = optim::Warmup{.length = 4, .start_factor = 0.2, .per = optim::Per::epoch};
    const tools::PlannedPhase plan = tools::plan_phase("", spec, {0.1, 0.9}, batches_per_epoch, epochs);
    std::vector<double> right;
    for (int64_t epoch = 0; epoch < epochs; ++epoch)
        right.push_back(plan.settings[static_cast<size_t>(epoch * batches_per_epoch)].learning_rate);
    return compare_numbers(
        given, right,
        "The warm-up takes four equal steps from 0.2 · 0.1; the fifth epoch is the first with the whole "
        "rate.");
}

}  // namespace vitrine::inspect
