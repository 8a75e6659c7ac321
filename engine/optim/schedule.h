// Learning-rate schedules: the rate of each step as a pure function of the step, so that resuming needs no
// state.
#pragma once

#include <cstdint>
#include <string_view>

namespace vitrine::optim {

enum class ScheduleKind { constant, cosine, one_cycle };

/// Throws Error naming the schedules there are.
ScheduleKind schedule_from_name(std::string_view name);
const char* name_of(ScheduleKind kind);

struct Schedule {
    ScheduleKind kind = ScheduleKind::constant;
    double rate = 0.1;        // constant's and cosine's first rate, one_cycle's highest
    int64_t total_steps = 1;  // of the whole run

    /// The rate of step 0 … total_steps − 1 (later steps keep the last one's).
    ///
    /// cosine:    rate · (1 + cos(π · step / total_steps)) / 2 (PyTorch's CosineAnnealingLR with η_min 0,
    /// stepped each batch) one_cycle: cosine from rate/25 up to rate at 30% of the steps, then down to
    /// rate/250000 (PyTorch's OneCycleLR with
    ///            its defaults; momentum is left alone). Source: Smith and Topin, "Super-convergence", 2018.
    double rate_at(int64_t step) const;
};

}  // namespace vitrine::optim
