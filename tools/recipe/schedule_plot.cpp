// Plots of schedules: see schedule_plot.h.

#include "tools/recipe/schedule_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <sstream>

#include "engine/escape.h"
#include "tools/common/units.h"
#include "tools/recipe/braille.h"
#include "tools/recipe/describe_scheduler.h"

namespace vitrine::tools {
namespace {

using optim::Hyperparameters;

constexpr int64_t columns = 68;  // of the curves
constexpr int64_t margin = 9;    // for the numbers to their left
constexpr size_t text_width = 79;

using Quantity = double (*)(const Hyperparameters&);

double learning_rate_of(const Hyperparameters& setting) { return setting.learning_rate; }
double momentum_of(const Hyperparameters& setting) { return setting.momentum; }

int64_t epochs_of(const std::vector<PlannedPhase>& phases) {
    int64_t epochs = 0;
    for (const PlannedPhase& phase : phases) epochs += phase.epochs;
    return epochs;
}

/// 1, 2, 2.5 or 5 times a power of ten, of which at most `most` fit into `range`.
double nice_step(double range, int64_t most) {
    const double least = range / static_cast<double>(most);
    const double power = std::pow(10.0, std::floor(std::log10(least)));
    for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
        if (factor * power >= least * (1.0 - 1e-9)) return factor * power;
    }
    return 10.0 * power;
}

/// The values of an axis: multiples of step from low to high.
struct Scale {
    double low, high, step;
};

Scale scale_over(double low, double high, int64_t most_steps) {
    const double step = nice_step(high - low, most_steps);
    return {std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step, step};
}

/// The lowest, highest and last value within a column of dots.
struct Span {
    double low = INFINITY, high = -INFINITY, last = NAN;
};

std::vector<Span> spans_of(const std::vector<PlannedPhase>& phases, Quantity quantity, int64_t width) {
    std::vector<Span> spans(static_cast<size_t>(width));
    const double dots_per_epoch = static_cast<double>(width) / static_cast<double>(epochs_of(phases));
    double first_epoch = 0.0;
    for (const PlannedPhase& phase : phases) {
        const double dots = dots_per_epoch / static_cast<double>(phase.batches_per_epoch);
        for (size_t i = 0; i < phase.settings.size(); ++i) {
            const double value = quantity(phase.settings[i]);
            const bool last = i + 1 == phase.settings.size();
            const int64_t next = last ? phase.updates() : phase.update_of(i + 1);
            const double begin =
                first_epoch * dots_per_epoch + static_cast<double>(phase.update_of(i)) * dots;
            const double end = first_epoch * dots_per_epoch + static_cast<double>(next) * dots;
            const auto from = static_cast<int64_t>(begin + 1e-6);
            const auto to = std::max(from, static_cast<int64_t>(std::ceil(end - 1e-6)) - 1);
            for (int64_t x = from; x <= std::min(to, width - 1); ++x) {
                Span& span = spans[static_cast<size_t>(x)];
                span = {std::min(span.low, value), std::max(span.high, value), value};
            }
        }
        first_epoch += static_cast<double>(phase.epochs);
    }
    return spans;
}

std::string without_trailing_spaces(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

/// The column of characters in which an epoch begins.
int64_t column_of(int64_t epoch, int64_t epochs) { return std::min(epoch * columns / epochs, columns - 1); }

void mark_phases(BrailleCanvas& canvas, const std::vector<PlannedPhase>& phases) {
    const int64_t epochs = epochs_of(phases);
    int64_t epoch = 0;
    for (const PlannedPhase& phase : phases) {
        if (epoch > 0) canvas.mark_column(column_of(epoch, epochs), "┊");
        epoch += phase.epochs;
    }
}

/// Each column of dots reaches to where the one before ended, so that jumps are drawn as lines.
void draw_curve(BrailleCanvas& canvas, const std::vector<Span>& spans, const Scale& scale) {
    const auto dot_row = [&](double value) {
        const double share = (value - scale.low) / (scale.high - scale.low);
        // A rate that has grown beyond all numbers is at the top; of inf - inf, nothing is known.
        const double within = share >= 0.0 ? std::min(share, 1.0) : 0.0;
        return std::lround((1.0 - within) * static_cast<double>(canvas.height() - 1));
    };
    double before = spans.front().last;
    for (size_t x = 0; x < spans.size(); ++x) {
        const double low = std::min(spans[x].low, before), high = std::max(spans[x].high, before);
        canvas.vertical(static_cast<int64_t>(x), dot_row(high), dot_row(low));
        before = spans[x].last;
    }
}

std::vector<std::string> axis_labels(const Scale& scale, int64_t rows) {
    std::vector<std::string> labels(static_cast<size_t>(rows));
    const auto steps = std::lround((scale.high - scale.low) / scale.step);
    for (int64_t i = 0; i <= steps; ++i) {
        const double share = 1.0 - static_cast<double>(i) / static_cast<double>(steps);
        const auto row = std::lround(share * static_cast<double>(4 * rows - 1)) / 4;
        labels[static_cast<size_t>(row)] =
            fmt::format("{:g}", scale.low + static_cast<double>(i) * scale.step);
    }
    return labels;
}

std::string curve(const std::vector<PlannedPhase>& phases, Quantity quantity, const Scale& scale,
                  int64_t rows) {
    BrailleCanvas canvas(columns, rows);
    mark_phases(canvas, phases);
    draw_curve(canvas, spans_of(phases, quantity, canvas.width()), scale);
    const std::vector<std::string> labels = axis_labels(scale, rows);
    std::string text;
    for (int64_t row = 0; row < rows; ++row) {
        const std::string& label = labels[static_cast<size_t>(row)];
        text += fmt::format("{:>{}} {}{}\n", label, margin - 1, label.empty() ? "│" : "┤",
                            without_trailing_spaces(canvas.row(row)));
    }
    return text;
}

/// The line under the curves, with a tick at every so many epochs, and the numbers under that.
std::string epoch_axis(int64_t epochs) {
    const auto digits = std::ssize(std::to_string(epochs));
    const int64_t most = std::min<int64_t>(10, columns / (digits + 2));  // that do not run into each other
    const auto step = std::max<int64_t>(1, std::lround(nice_step(static_cast<double>(epochs), most)));
    std::string numbers(text_width + 1, ' ');
    std::vector<std::string> line(static_cast<size_t>(columns), "─");
    for (int64_t epoch = 0; epoch <= epochs; epoch += step) {
        const int64_t column = column_of(epoch, epochs);
        line[static_cast<size_t>(column)] = "┬";
        const std::string number = std::to_string(epoch);
        const size_t place = static_cast<size_t>(margin + 1 + column) - number.size() / 2;
        numbers.replace(std::min(place, numbers.size() - number.size()), number.size(), number);
    }
    numbers.replace(3, 5, "epoch");
    return fmt::format("{:{}}└{}\n{}\n", "", margin, fmt::join(line, ""), without_trailing_spaces(numbers));
}

size_t letters_in(const std::string& text) {
    return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

/// "├─ 1 first ────┼─ 2 second ──┤": names where they fit, else numbers, else nothing.
std::string phase_band(const std::vector<PlannedPhase>& phases) {
    const int64_t epochs = epochs_of(phases);
    std::string text = fmt::format("{:{}}", "", margin + 1);
    int64_t epoch = 0;
    for (size_t i = 0; i < phases.size(); ++i) {
        const int64_t begin = column_of(epoch, epochs);
        epoch += phases[i].epochs;
        const bool last = i + 1 == phases.size();
        const auto width = static_cast<size_t>(std::max<int64_t>(column_of(epoch, epochs) - begin, 1));
        std::string name = fmt::format("─ {} {} ", i + 1, escape(phases[i].name));
        if (letters_in(name) + 1 > width) name = fmt::format("─ {} ", i + 1);
        if (letters_in(name) + 1 > width) name.clear();
        text += i == 0 ? "├" : "┼";
        text += name;
        for (size_t column = letters_in(name) + 1; column < width; ++column) text += "─";
        if (last) text += "┤";
    }
    return text + "\n";
}

/// Words in lines of text_width letters; the first line begins with `head`, the others are indented as much.
std::string wrapped(const std::string& head, const std::string& text) {
    const std::string indent(letters_in(head), ' ');
    std::istringstream words(text);
    std::string result, line = head;
    bool empty = true;
    for (std::string word; words >> word;) {
        if (!empty && letters_in(line) + 1 + letters_in(word) > text_width) {
            result += line + "\n";
            line = indent;
            empty = true;
        }
        line += (empty ? "" : " ") + word;
        empty = false;
    }
    return result + line + "\n";
}

std::string range_text(const PlannedPhase& phase, Quantity quantity) {
    const auto [low, high] = std::ranges::minmax(phase.settings, {}, quantity);
    const auto text = [&](const Hyperparameters& setting) {
        return fmt::format("{:.4g}", quantity(setting));
    };
    if (quantity(low) == quantity(high)) return text(low);
    return fmt::format("{} at first, {} at last, {} to {} between", text(phase.settings.front()),
                       text(phase.settings.back()), text(low), text(high));
}

std::string phase_lines(const std::vector<PlannedPhase>& phases) {
    std::string text;
    int64_t epoch = 1;
    for (size_t i = 0; i < phases.size(); ++i) {
        const PlannedPhase& phase = phases[i];
        const std::string head = fmt::format(" {} ", i + 1);
        const std::string indent(head.size(), ' ');
        text += wrapped(
            head, fmt::format("{}: epochs {} to {}, {} each", escape(phase.name), epoch,
                              epoch + phase.epochs - 1, counted(phase.batches_per_epoch, optim::Per::batch)));
        text += wrapped(indent, describe(phase.spec));
        text += wrapped(indent, "learning rate " + range_text(phase, learning_rate_of));
        text += wrapped(indent, "momentum " + range_text(phase, momentum_of));
        if (std::holds_alternative<optim::ReduceOnPlateauSpec>(phase.spec.kind))
            text += wrapped(indent, "when it will be reduced depends on the run: it is drawn as it begins");
        epoch += phase.epochs;
    }
    return text;
}

Hyperparameters extreme(const std::vector<PlannedPhase>& phases, bool highest) {
    Hyperparameters found = phases.front().settings.front();
    for (const PlannedPhase& phase : phases) {
        for (const Hyperparameters& each : phase.settings) {
            const auto pick = [&](double a, double b) { return highest ? std::max(a, b) : std::min(a, b); };
            if (!std::isfinite(each.learning_rate)) continue;
            found = {pick(found.learning_rate, each.learning_rate), pick(found.momentum, each.momentum)};
        }
    }
    return found;
}

}  // namespace

std::string plot_schedule(const std::vector<PlannedPhase>& phases) {
    const Hyperparameters low = extreme(phases, false), high = extreme(phases, true);
    std::string text;
    // A rate is read against 0: what is a tenth of the highest should look like it.
    constexpr double least = 1e-290, most = 1e300;  // beyond, an axis in five steps is no numbers any more
    const double top = high.learning_rate > least ? std::min(high.learning_rate, most) : 1.0;
    text += fmt::format("{:{}}learning rate\n", "", margin - 1);
    text += curve(phases, learning_rate_of, scale_over(0.0, top, 5), 12);
    text += epoch_axis(epochs_of(phases));
    if (high.momentum - low.momentum > 1e-9) {
        text += fmt::format("{:{}}momentum\n", "", margin - 1);
        text += curve(phases, momentum_of, scale_over(low.momentum, high.momentum, 3), 5);
        text += epoch_axis(epochs_of(phases));
    }
    if (phases.size() > 1) text += phase_band(phases);
    text += "\n" + phase_lines(phases);
    const std::vector<std::string> warnings = schedule_warnings(phases);
    if (!warnings.empty()) text += "\n";
    for (const std::string& warning : warnings) text += wrapped(" warning: ", warning);
    return text;
}

}  // namespace vitrine::tools
