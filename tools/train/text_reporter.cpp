// Reports for people: see reporter.h.

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <iostream>

#include "engine/escape.h"
#include "tools/common/terminal.h"
#include "tools/common/text_layout.h"
#include "tools/common/units.h"
#include "tools/train/reporter.h"
#include "tools/train/terminal_line.h"

namespace vitrine::train {
namespace {

using Fields = std::vector<std::string>;

constexpr double plain_interval = 10.0;  // seconds between lines where there is no progress bar
constexpr size_t head_width = 12;        // of a headed line
constexpr size_t narrow = 40;            // columns; a terminal that has fewer has no room for an indentation
constexpr size_t longest_line = 16'000;  // bytes: of a pipeline of a hundred ops, too

size_t indentation(size_t wanted, size_t columns) { return columns < narrow ? 2 : wanted; }

/// "2,012 images/s", "0.4 images/s"
std::string rate_text(double images_per_second) {
    const std::string rate = images_per_second < 10.0
                                 ? fmt::format("{:.1f}", images_per_second)
                                 : tools::grouped(static_cast<int64_t>(images_per_second));
    return rate + " images/s";
}

/// Of the run so far, in the order of their worth.
Fields figures(const Position& position, const Meter& meter) {
    const double left = meter.seconds_for(position.steps_left) + position.seconds_between;
    return {"left " + tools::duration(left), "loss " + loss_text(meter.smooth_loss()),
            rate_text(meter.images_per_second()), fmt::format("data {:.0f}%", 100.0 * meter.data_share()),
            fmt::format("acc {:.4f}", meter.smooth_accuracy())};
}

Fields operator+(Fields first, const Fields& more) {
    first.insert(first.end(), more.begin(), more.end());
    return first;
}

Fields score_fields(const ValidationMetrics& metrics) {
    return {"val_loss " + loss_text(metrics.loss), fmt::format("val_accuracy {:.4f}", metrics.accuracy),
            fmt::format("val_top5 {:.4f}", metrics.top5)};
}

/// All of its time, as the clock on the wall has it.
/// "waiting 5%, process 1 the slowest"
Fields waiting_fields(const EpochTiming& timing) {
    if (!timing.slowest_process) return {};
    return {fmt::format(
        "waiting {:.0f}%, process {} the slowest",
        100.0 * timing.waiting_seconds / std::max(timing.data_seconds + timing.step_seconds, 1e-9),
        *timing.slowest_process)};
}

std::string epoch_time(const EpochTiming& timing) {
    const double seconds =
        timing.data_seconds + timing.step_seconds + timing.validation_seconds + timing.checkpoint_seconds;
    return tools::duration(seconds) + " with validation";
}

class TextReporter : public Reporter {
  public:
    void loading(int64_t done, int64_t total) override {
        share("decoding", "images", done, total);
        if (!line_.can_show() && since_line_.seconds() >= plain_interval)
            print({"decoding", fmt::format("{}/{} images", done, total)});
    }

    void notice(const std::string& sentence) override {
        line_.clear();
        std::cout.flush();
        const std::string text = printable(sentence);
        const auto columns = tools::terminal_columns(STDERR_FILENO);
        const auto lines =
            columns ? tools::wrapped_words(text, *columns, tools::LongWords::whole) : Fields{text};
        for (const std::string& line : lines) std::cerr << line << '\n';
        std::cerr << std::flush;
    }

    void begin(const Json&, const std::vector<std::pair<std::string, std::string>>& lines) override {
        for (const auto& [head, text] : lines) print_headed(head, text);
    }

    void step(const Position& position, const Meter& meter) override {
        const std::string epoch = fmt::format("epoch {}/{}", position.epoch, position.epochs);
        if (line_.due()) {
            const double share = static_cast<double>(position.step) / static_cast<double>(position.steps);
            line_.show(Fields{epoch, fmt::format("{:.0f}%", 100.0 * share)} + figures(position, meter),
                       share);
        }
        if (!line_.can_show() && since_line_.seconds() >= plain_interval) {
            print(Fields{epoch, fmt::format("step {}/{}", position.step, position.steps)} +
                  figures(position, meter));
        }
    }

    void validating(int64_t done, int64_t total) override { share("validating", "batches", done, total); }

    void epoch(const EpochMetrics& metrics, const EpochTiming& timing, int64_t epochs) override {
        print(Fields{fmt::format("epoch {}/{}", metrics.epoch, epochs),
                     "train_loss " + loss_text(metrics.train_loss),
                     fmt::format("train_accuracy {:.4f}", metrics.train_accuracy), epoch_time(timing)} +
              score_fields(metrics.val) + Fields{rate_text(timing.images_per_second)} +
              waiting_fields(timing));
        if (metrics.ema_val)
            print(Fields{"averaged (judged)"} + score_fields(*metrics.ema_val), Beginning::indented);
    }

    void evaluated(const Measured& measured) override {
        Fields fields = measured_fields(measured);
        if (measured.weights == Weights::averaged) fields.emplace_back("averaged weights");
        print(fields);
    }

    void results(const Results& results) override {
        if (!results.report.empty()) print_path("report", results.report, "");
        if (!results.weights.empty())
            print_path("weights", results.weights,
                       results.kind == Weights::averaged ? "(averaged weights)" : "");
    }

    void end(const Best& best) override { print_line(best_line(best)); }

  private:
    void print_line(const std::string& line) {
        line_.clear();
        std::cout << line << std::endl;
        since_line_.restart();
    }

    enum class Beginning : bool { at_margin, indented };

    /// On a terminal on as many lines as it takes; a field that is wider than it is broken at its space.
    void print(const Fields& fields, Beginning beginning = Beginning::at_margin) {
        const auto columns = tools::terminal_columns(STDOUT_FILENO).value_or(longest_line);
        const size_t indent = indentation(6, columns);
        const std::string margin(indent, ' ');
        const size_t room = columns > indent ? columns - indent : 1;
        Fields fitting;
        for (const std::string& field : fields) {
            if (tools::columns_of(field) <= room)
                fitting.push_back(field);
            else
                fitting = fitting + tools::wrapped_words(field, room, tools::LongWords::broken);
        }
        if (beginning == Beginning::at_margin) {
            for (const std::string& line : tools::wrapped_fields(fitting, columns, indent)) print_line(line);
        } else {
            for (const std::string& line : tools::wrapped_fields(fitting, room, 0)) print_line(margin + line);
        }
    }

    void print_headed(const std::string& head, const std::string& text) {
        const std::string whole = printable(text, longest_line);
        const auto columns = tools::terminal_columns(STDOUT_FILENO);
        if (!columns) return print_line(fmt::format("{:<{}}{}", head, head_width, whole));
        const size_t indent = indentation(head_width, *columns);
        std::string begin = fmt::format("{:<{}}", head, indent);
        if (head.size() >= indent) {
            print_line(head);
            begin = std::string(indent, ' ');
        }
        const size_t room = *columns > indent ? *columns - indent : 1;
        for (const std::string& line : tools::wrapped_words(whole, room, tools::LongWords::broken)) {
            print_line(begin + line);
            begin = std::string(indent, ' ');
        }
    }

    /// The path stays in one piece, so that it can be opened or copied.
    void print_path(const std::string& head, const std::filesystem::path& path, const std::string& note) {
        const auto columns = tools::terminal_columns(STDOUT_FILENO).value_or(longest_line);
        const std::string name = printable(path.string(), longest_line);
        Fields fields{fmt::format("{:<{}}{}", head, head_width, name)};
        if (tools::columns_of(fields.front()) > columns) fields = {head, name};
        if (!note.empty()) fields.push_back(note);
        for (const std::string& line :
             tools::wrapped_fields(fields, columns, indentation(head_width, columns)))
            print_line(line);
    }

    void share(const char* what, const char* units, int64_t done, int64_t total) {
        const double part = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
        if (line_.due()) line_.show({what, fmt::format("{}/{} {}", done, total, units)}, part);
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

std::vector<std::string> measured_fields(const Measured& measured) {
    const tools::Scores& scores = measured.scores;
    Fields fields = score_fields({scores.loss(), scores.accuracy(), scores.top5()});
    fields.push_back(scores.count() == measured.images
                         ? fmt::format("on {} images", tools::grouped(measured.images))
                         : fmt::format("on {} of {} images", tools::grouped(scores.count()),
                                       tools::grouped(measured.images)));
    return fields;
}

std::string loss_text(double loss) {
    constexpr double large = 1e5;
    return std::abs(loss) < large ? fmt::format("{:.4f}", loss) : fmt::format("{:.3e}", loss);
}

}  // namespace vitrine::train
