// Reports for machines, and the one that says almost nothing: see reporter.h.

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "engine/escape.h"
#include "tools/train/reporter.h"
#include "tools/train/stopwatch.h"

namespace vitrine::train {
namespace {

class JsonReporter : public Reporter {
  public:
    void loading(int64_t, int64_t) override {}

    void notice(const std::string& sentence) override { print("notice", {{"text", sentence}}); }

    void begin(const Json& settings, const std::vector<std::pair<std::string, std::string>>&) override {
        print("begin", settings);
    }

    void step(const Position& position, const Meter& meter) override {
        constexpr double interval = 1.0;  // seconds
        if (since_step_.seconds() < interval) return;
        since_step_.restart();
        print("step", {{"epoch", position.epoch},
                       {"step", position.step},
                       {"steps", position.steps},
                       {"loss", meter.smooth_loss()},
                       {"accuracy", meter.smooth_accuracy()},
                       {"images_per_second", meter.images_per_second()},
                       {"data_share", meter.data_share()},
                       {"seconds_left", meter.seconds_for(position.steps_left) + position.seconds_between}});
    }

    void validating(int64_t, int64_t) override {}

    void epoch(const EpochMetrics& metrics, const EpochTiming& timing, int64_t) override {
        Json line = to_json(metrics);
        line.update(to_json(timing));
        line["judged"] = name_of(metrics.judged_weights());
        print("epoch", line);
    }

    void evaluated(const Measured& measured) override {
        const tools::Scores& scores = measured.scores;
        print("evaluated", {{"val_loss", scores.loss()},
                            {"val_accuracy", scores.accuracy()},
                            {"val_top5", scores.top5()},
                            {"images", scores.count()},
                            {"of_images", measured.images},
                            {"weights", name_of(measured.weights)}});
    }

    void results(const Results& results) override { results_ = results; }

    void end(const Best& best) override {
        Json last = {{"best_val_accuracy", nullptr}, {"best_epoch", nullptr}};
        if (best.epoch())
            last = {{"best_val_accuracy", best.epoch()->judged().accuracy},
                    {"best_epoch", best.epoch()->epoch}};
        const auto name = [](const std::filesystem::path& path) {
            return path.empty() ? Json() : Json(escape(path.string()));
        };
        last["report"] = name(results_.report);
        last["weights_file"] = name(results_.weights);
        last["weights"] = name_of(results_.kind);
        print("end", last);
    }

  private:
    static void print(const char* event, const Json& facts) {
        Json line = {{"event", event}};
        line.update(facts);
        std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    }

    Stopwatch since_step_;
    Results results_;
};

class QuietReporter : public Reporter {
  public:
    void loading(int64_t, int64_t) override {}
    void notice(const std::string& sentence) override { std::cerr << printable(sentence) << std::endl; }
    void begin(const Json&, const std::vector<std::pair<std::string, std::string>>&) override {}
    void step(const Position&, const Meter&) override {}
    void validating(int64_t, int64_t) override {}
    void epoch(const EpochMetrics&, const EpochTiming&, int64_t) override {}
    void evaluated(const Measured& measured) override {
        std::vector<std::string> fields = measured_fields(measured);
        if (measured.scores.count() == measured.images) fields.pop_back();
        std::cout << fmt::format("{}", fmt::join(fields, "  ")) << std::endl;
    }
    void results(const Results&) override {}
    void end(const Best& best) override { std::cout << best_line(best) << std::endl; }
};

}  // namespace

std::unique_ptr<Reporter> make_json_reporter() { return std::make_unique<JsonReporter>(); }

std::unique_ptr<Reporter> make_quiet_reporter() { return std::make_unique<QuietReporter>(); }

}  // namespace vitrine::train
