// Learning-rate schedules: see schedule.h.

#include "engine/optim/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/error.h"

namespace vitrine::optim {
namespace {

/// From `start` to `end` along half a cosine wave, at a fraction 0 … 1 of the way.
double anneal(double start, double end, double fraction) {
    return end + (start - end) / 2.0 * (1.0 + std::cos(std::numbers::pi * fraction));
}

double one_cycle(double rate, double step, double total_steps) {
    constexpr double warm_up = 0.3, first_divisor = 25.0, last_divisor = 1e4;
    const double first = rate / first_divisor;
    const double top = warm_up * total_steps - 1.0, last = total_steps - 1.0;
    if (step <= top) return anneal(first, rate, step / top);
    return anneal(rate, first / last_divisor, (step - top) / (last - top));
}

}  // namespace

ScheduleKind schedule_from_name(std::string_view name) {
    for (ScheduleKind kind : {ScheduleKind::constant, ScheduleKind::cosine, ScheduleKind::one_cycle}) {
        if (name == name_of(kind)) return kind;
    }
    throw Error(fmt::format("unknown schedule '{}': choose one of constant, cosine, one_cycle", name));
}

const char* name_of(ScheduleKind kind) {
    switch (kind) {
        case ScheduleKind::constant:
            return "constant";
        case ScheduleKind::cosine:
            return "cosine";
        case ScheduleKind::one_cycle:
            return "one_cycle";
    }
    return "?";
}

double Schedule::rate_at(int64_t step) const {
    const double total = static_cast<double>(total_steps);
    const double now = static_cast<double>(std::min(step, total_steps - 1));
    switch (kind) {
        case ScheduleKind::constant:
            return rate;
        case ScheduleKind::cosine:
            return anneal(rate, 0.0, now / total);
        case ScheduleKind::one_cycle:
            return one_cycle(rate, now, total);
    }
    return rate;
}

}  // namespace vitrine::optim
