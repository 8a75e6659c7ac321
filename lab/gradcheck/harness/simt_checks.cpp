// Watched and shuffled launches: see simt_checks.h.

#include "lab/gradcheck/harness/simt_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/simt/launch.h"

namespace vitrine::gradcheck {
namespace {

/// Of the math library, which is the caller's choice: see options.h.
simt::Settings with_chosen_library(simt::Settings settings) {
    settings.math_ulps = simt::settings().math_ulps;
    settings.math_seed = simt::settings().math_seed;
    return settings;
}

class SettingsScope {
  public:
    explicit SettingsScope(const simt::Settings& settings) : before_(simt::settings()) {
        simt::set_settings(with_chosen_library(settings));
    }
    ~SettingsScope() { simt::set_settings(before_); }
    SettingsScope(const SettingsScope&) = delete;
    SettingsScope& operator=(const SettingsScope&) = delete;

  private:
    simt::Settings before_;
};

double work_of(const simt::LaunchReport& report) {
    const auto block_threads = static_cast<double>(report.block.x * report.block.y * report.block.z);
    const uint64_t bytes = report.global_bytes_read + report.global_bytes_written + report.shared_bytes_read +
                           report.shared_bytes_written;
    return static_cast<double>(bytes) / 4 + static_cast<double>(report.barriers) * block_threads +
           static_cast<double>(report.warp_operations) * 32;
}

}  // namespace

double SimtChecks::watched(const Run& run) const {
    const SettingsScope scope({.threads = 1, .check = true, .keep_reports = true});
    run();
    double work = 0;
    for (const simt::LaunchReport& report : simt::take_reports()) work += work_of(report);
    return work;
}

void SimtChecks::unwatched(const Run& run) const {
    const SettingsScope scope({.threads = 1, .check = false});
    run();
}

bool SimtChecks::watches(double work) const { return effort_ == Effort::thorough || work <= watched_work; }

std::vector<Repetition> SimtChecks::repetitions(double work) const {
    const bool all = effort_ == Effort::thorough || work <= repeated_work;
    std::vector<Repetition> repetitions;
    for (int seed = 1; seed <= (all ? seeds : 2); ++seed) {
        const simt::Settings settings{.threads = 1 + seed % 2,
                                      .order = simt::Order::shuffled,
                                      .seed = static_cast<uint64_t>(seed),
                                      .check = watches(work)};
        const auto around = [settings](const Run& run) {
            const SettingsScope scope(settings);
            run();
        };
        repetitions.push_back({fmt::format("{} thread{} in the order of seed {}", settings.threads,
                                           settings.threads == 1 ? "" : "s", seed),
                               around});
    }
    return repetitions;
}

int64_t SimtChecks::samples(int64_t wanted, double work) const {
    if (effort_ == Effort::thorough || work <= 0) return wanted;
    const auto affordable = static_cast<int64_t>(differenced_work / work);
    return std::min(wanted, std::max<int64_t>(affordable, 2));
}

}  // namespace vitrine::gradcheck
