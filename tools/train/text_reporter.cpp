// Reports for people: see reporter.h.

#include <fmt/format.h>

#include <iostream>

#include "engine/escape.h"
#include "tools/common/units.h"
#include "tools/train/reporter.h"
#include "tools/train/terminal_line.h"

namespace vitrine::train {
namespace {

constexpr double plain_interval = 10.0;  // seconds between lines where there is no progress bar
constexpr int bar_width = 20;

std::string figures(const Position& position, const Meter& meter) {
    const double left = meter.seconds_for(position.steps_left) + position.seconds_between;
    return fmt::format("loss {:.4f}  accuracy {:.4f}  {} images/s  data {:.0f}%  left {}",
                       meter.smooth_loss(), meter.smooth_accuracy(),
                       tools::grouped(static_cast<int64_t>(meter.images_per_second())),
                       100.0 * meter.data_share(), tools::duration(left));
}

class TextReporter : public Reporter {
  public:
    void loading(int64_t done, int64_t total) override { share("decoding", "images", done, total); }

    void notice(const std::string& sentence) override {
        line_.clear();
        std::cout.flush();
        std::cerr << printable(sentence) << std::endl;
    }

    void begin(const Json&, const std::vector<std::pair<std::string, std::string>>& lines) override {
        for (const auto& [head, text] : lines) print(fmt::format("{:<12}{}", head, text));
        since_line_.restart();
    }

    void step(const Position& position, const Meter& meter) override {
        const std::string epoch = fmt::format("epoch {}/{}", position.epoch, position.epochs);
        if (line_.due()) {
            const double share = static_cast<double>(position.step) / static_cast<double>(position.steps);
            line_.show(fmt::format("{} {} {:3.0f}%  {}", epoch, bar(share, bar_width), 100.0 * share,
                                   figures(position, meter)));
        }
        if (!line_.is_terminal() && since_line_.seconds() >= plain_interval) {
            print(fmt::format("{}  step {}/{}  {}", epoch, position.step, position.steps,
                              figures(position, meter)));
        }
    }

    void validating(int64_t done, int64_t total) override { share("validating", "batches", done, total); }

    void epoch(const EpochMetrics& metrics, const EpochTiming& timing, int64_t epochs) override {
        print(fmt::format("epoch {}/{}  train_loss {:.4f}  train_accuracy {:.4f}  {}  {} images/s  {}",
                          metrics.epoch, epochs, metrics.train_loss, metrics.train_accuracy,
                          scores_line(metrics.val.loss, metrics.val.accuracy, metrics.val.top5),
                          tools::grouped(static_cast<int64_t>(timing.images_per_second)),
                          tools::duration(timing.data_seconds + timing.step_seconds)));
        if (metrics.ema_val)
            print(fmt::format(
                "            of the averaged weights  {}",
                scores_line(metrics.ema_val->loss, metrics.ema_val->accuracy, metrics.ema_val->top5)));
    }

    void evaluated(const tools::Scores& scores) override {
        print(fmt::format("{}  on {} images", scores_line(scores.loss(), scores.accuracy(), scores.top5()),
                          tools::grouped(scores.count())));
    }

    void end(const Best& best) override { print(best_line(best)); }

  private:
    void print(const std::string& text) {
        line_.clear();
        std::cout << printable(text) << std::endl;
        since_line_.restart();
    }

    void share(const char* what, const char* units, int64_t done, int64_t total) {
        const double part = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
        const std::string count = fmt::format("{}/{} {}", done, total, units);
        if (line_.due()) line_.show(fmt::format("{} {} {}", what, bar(part, bar_width), count));
        if (!line_.is_terminal() && since_line_.seconds() >= plain_interval)
            print(fmt::format("{}  {}", what, count));
    }

    TerminalLine line_;
    Stopwatch since_line_;
};

}  // namespace

std::unique_ptr<Reporter> make_text_reporter() { return std::make_unique<TextReporter>(); }

std::string best_line(const Best& best) {
    if (!best.epoch()) return "no epoch was finished, so there is no best val_accuracy";
    return fmt::format("best val_accuracy {:.4f} at epoch {}", best.epoch()->judged().accuracy,
                       best.epoch()->epoch);
}

std::string scores_line(double loss, double accuracy, double top5) {
    return fmt::format("val_loss {:.4f}  val_accuracy {:.4f}  val_top5 {:.4f}", loss, accuracy, top5);
}

}  // namespace vitrine::train
