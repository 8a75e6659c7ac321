// Says nothing: a process that trains beside the first one of its run.

#include "tools/train/reporter.h"

namespace vitrine::train {
namespace {

class SilentReporter final : public Reporter {
  public:
    void loading(int64_t, int64_t) override {}
    void notice(const std::string&) override {}
    void begin(const Json&, const std::vector<std::pair<std::string, std::string>>&) override {}
    void step(const Position&, const Meter&) override {}
    void validating(int64_t, int64_t) override {}
    void epoch(const EpochMetrics&, const EpochTiming&, int64_t) override {}
    void evaluated(const Measured&) override {}
    void results(const Results&) override {}
    void end(const Best&) override {}
};

}  // namespace

std::unique_ptr<Reporter> make_silent_reporter() { return std::make_unique<SilentReporter>(); }

}  // namespace vitrine::train
