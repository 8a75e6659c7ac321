// Every random transform draws as torchvision's does: histograms of what it chose and of its parameters agree
// (tests/golden/distributions.json), and those of slightly different parameters are told apart.

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>

#include "data/transforms/batch_draws.h"
#include "data/transforms/pipeline.h"
#include "tests/folders.h"

namespace vitrine {
namespace {

using augment::OpCode;
using augment::Step;
using Json = nlohmann::json;

constexpr uint32_t draw_count = 100'000;

const Json& golden() {
    static const Json document = [] {
        std::ifstream file(tests::repository() / "tests/golden/distributions.json");
        return Json::parse(file);
    }();
    return document;
}

/// `recipe` is an op, or else a line of [transforms].
TrainTransform transform_of(const std::string& recipe) {
    const std::string line = recipe.starts_with("{") ? "augment = [ " + recipe + " ]" : recipe;
    return parse_transforms("[transforms]\n" + line, "test").train;
}

/// What was drawn for a sample, or for a batch.
struct Drawn {
    Program program;
    std::optional<PixelBox> box;  // erased, or pasted by cutmix
    double lambda = 1.0;          // mixup and cutmix
};

/// Erasing and mixing, from the 8-bit program's own stream: their keys are not what is tested here.
void draw_what_follows(const TrainTransform& transform, uint32_t sample, Drawn& drawn) {
    const Size2 size{golden()["height"], golden()["width"]};
    Draws draws(11, 2, sample);
    drawn.box.reset();
    if (!transform.erasing.empty()) {
        const PixelBox box = draw_erasing(transform.erasing[0], size, draws).box;
        if (box.height > 0) drawn.box = box;
    }
    if (!transform.mix.mixup_alpha && !transform.mix.cutmix_alpha) return;
    const MixDraw mix = draw_mix(transform.mix, size, draws);
    drawn.lambda = mix.lambda;
    if (mix.mixing == BatchMixing::cutmix) drawn.box = mix.box;
}

template <class Use>
void draw_programs(const TrainTransform& transform, uint32_t count, const Use& use) {
    const Json& document = golden();
    Drawn drawn;
    Program& program = drawn.program;
    program.with_names = true;
    for (uint32_t sample = 0; sample < count; ++sample) {
        program.width = document["width"];
        program.height = document["height"];
        program.steps.clear();
        program.names.clear();
        transform.draw(11, 1, sample, program);
        draw_what_follows(transform, sample, drawn);
        use(drawn);
    }
}

const Step* first_step(const Program& program, std::initializer_list<OpCode> ops) {
    for (const Step& step : program.steps)
        for (const OpCode op : ops)
            if (step.op == op) return &step;
    return nullptr;
}

/// What a draw shows, as make_distributions.py observes it: a text, or a number, or nothing.
struct Seen {
    std::string text = "none";
    std::optional<double> number;
};

std::string joined_names(const Program& program, bool with_values) {
    std::string text;
    for (const std::string& name : program.names) {
        const size_t value = name.find_first_of("-0123456789");
        const bool cut = !with_values && value != std::string::npos;
        text += (text.empty() ? "" : ", ") + (cut ? name.substr(0, value - 1) : name);
    }
    return text.empty() ? "none" : text;
}

/// Coefficients of x' = a·x + b·y + c, y' = d·x + e·y + f between pixel corners; a step has them between
/// centres.
std::optional<double> matrix_entry(const Program& program, char entry) {
    const Step* step = first_step(program, {OpCode::affine, OpCode::zoom});
    if (step == nullptr) return std::nullopt;
    std::array<double, 6> m{};
    if (step->op == OpCode::zoom)
        m = {step->reals[1], 0.0, step->reals[0], 0.0, step->reals[3], step->reals[2]};
    else
        for (size_t i = 0; i < 6; ++i) m[i] = step->integers[i] / 65536.0;
    m[2] -= (m[0] + m[1]) / 2.0;
    m[5] -= (m[3] + m[4]) / 2.0;
    return m[static_cast<size_t>(entry - 'a')];
}

std::optional<double> box_property(const Drawn& drawn, const std::string& property) {
    const double all_width = golden()["width"], all_height = golden()["height"];
    const Step* step = first_step(drawn.program, {OpCode::resize});
    if (step == nullptr && !drawn.box) return std::nullopt;
    const PixelBox box = step == nullptr ? *drawn.box
                                         : PixelBox{step->integers[1], step->integers[0], step->integers[3],
                                                    step->integers[2]};
    const double left = box.left, top = box.top, width = box.width, height = box.height;
    const auto share_of = [](double value, double room) { return room != 0.0 ? value / room : 0.5; };
    if (property == "area") return width * height / (all_width * all_height);
    if (property == "log ratio") return std::log(width / height);
    return property == "left" ? share_of(left, all_width - width) : share_of(top, all_height - height);
}

std::optional<double> factor_of(const Program& program, const std::string& name) {
    const Step* step = first_step(program, {name == "brightness" ? OpCode::brightness
                                            : name == "contrast" ? OpCode::contrast
                                                                 : OpCode::saturation});
    return step == nullptr ? std::nullopt : std::optional(step->reals[0]);
}

/// Counter-clockwise degrees.
std::optional<double> angle_of(const Program& program) {
    const auto cosine = matrix_entry(program, 'a'), sine = matrix_entry(program, 'b');
    if (!cosine) return std::nullopt;
    return -std::atan2(*sine, *cosine) * 180.0 / std::numbers::pi;
}

Seen observe(const std::string& what, const Drawn& drawn) {
    const Program& program = drawn.program;
    const auto rest = [&](std::string_view start) { return what.substr(start.size()); };
    if (what == "kinds" || what == "names") return {joined_names(program, what == "names"), {}};
    if (what == "lambda") return {{}, drawn.lambda};
    if (what == "angle") return {{}, angle_of(program)};
    if (what.starts_with("matrix ")) return {{}, matrix_entry(program, what.back())};
    if (what.starts_with("box ")) return {{}, box_property(drawn, rest("box "))};
    if (what.starts_with("factor of ")) return {{}, factor_of(program, rest("factor of "))};
    if (what == "hue levels") return {std::to_string(first_step(program, {OpCode::hue})->integers[0]), {}};
    REQUIRE(what.starts_with("crop "));
    return {std::to_string(program.steps.at(0).integers[what == "crop left" ? 0 : 1]), {}};
}

using Counts = std::map<std::string, double>;

/// The bin of a number; the same arithmetic as the script's, so that both put an edge into the same bin.
std::string bin_of(const Json& observation, const std::optional<double>& number) {
    if (!number) return "none";
    const double low = observation["low"], high = observation["high"];
    const double bins = static_cast<double>(observation["bins"].size()) - 2.0;
    const double bin = std::floor((*number - low) / (high - low) * bins);
    return std::to_string(static_cast<int>(std::clamp(bin, -1.0, bins)) + 1);
}

Counts golden_counts(const Json& observation) {
    if (observation.contains("texts")) return observation["texts"].get<Counts>();
    Counts counts{{"none", observation["none"].get<double>()}};
    for (size_t i = 0; i < observation["bins"].size(); ++i)
        counts[std::to_string(i)] = observation["bins"][i].get<double>();
    return counts;
}

/// Of two samples of one distribution, this is chi-square distributed with that many degrees of freedom.
struct ChiSquare {
    double value = 0.0;
    int freedom = -1;

    /// What one of ten thousand honest samples exceeds: Wilson and Hilferty's approximation, 1931.
    double critical() const {
        constexpr double normal_quantile = 3.719;
        const double part = 2.0 / (9.0 * freedom);
        return freedom * std::pow(1.0 - part + normal_quantile * std::sqrt(part), 3);
    }
    bool differs() const { return value > critical(); }
};

/// The two-sample statistic. Bins in which less than 20 are seen altogether are put together.
ChiSquare compare(const Counts& first, const Counts& second) {
    double first_total = 0.0, second_total = 0.0;
    std::map<std::string, std::pair<double, double>> both;
    for (const auto& [bin, count] : first) first_total += both[bin].first = count;
    for (const auto& [bin, count] : second) second_total += both[bin].second = count;
    ChiSquare result;
    const auto add = [&](double a, double b) {
        if (a + b == 0.0) return;
        const double difference =
            a * std::sqrt(second_total / first_total) - b * std::sqrt(first_total / second_total);
        result.value += difference * difference / (a + b);
        ++result.freedom;
    };
    double rare_first = 0.0, rare_second = 0.0;
    for (const auto& [bin, counts] : both) {
        if (counts.first + counts.second < 20.0) {
            rare_first += counts.first;
            rare_second += counts.second;
        } else {
            add(counts.first, counts.second);
        }
    }
    add(rare_first, rare_second);
    return result;
}

std::vector<Counts> drawn_counts(const std::string& op, const Json& observations) {
    std::vector<Counts> counts(observations.size());
    draw_programs(transform_of(op), draw_count, [&](const Drawn& drawn) {
        for (size_t i = 0; i < observations.size(); ++i) {
            const Seen seen = observe(observations[i]["what"], drawn);
            ++counts[i][observations[i].contains("texts") ? seen.text : bin_of(observations[i], seen.number)];
        }
    });
    return counts;
}

TEST_CASE("what each random transform draws is distributed as in torchvision") {
    REQUIRE(golden()["cases"].size() > 35);
    for (const Json& each : golden()["cases"]) {
        CAPTURE(each["recipe"].get<std::string>());
        const std::vector<Counts> counts = drawn_counts(each["recipe"], each["observations"]);
        for (size_t i = 0; i < counts.size(); ++i) {
            CAPTURE(each["observations"][i]["what"].get<std::string>());
            const ChiSquare chi_square = compare(counts[i], golden_counts(each["observations"][i]));
            REQUIRE(chi_square.freedom > 0);
            CHECK(chi_square.value < chi_square.critical());
        }
    }
}

TEST_CASE("slightly wrong parameters are told apart by these histograms") {
    for (const Json& each : golden()["cases"])
        for (const std::string wrong : each["wrong"]) {
            CAPTURE(wrong);
            const std::vector<Counts> counts = drawn_counts(wrong, each["observations"]);
            bool told_apart = false;
            for (size_t i = 0; i < counts.size(); ++i)
                told_apart |= compare(counts[i], golden_counts(each["observations"][i])).differs();
            CHECK(told_apart);
        }
}

TEST_CASE("a probability of 0 is never and of 1 is always, for every op that has one") {
    for (const std::string start : {"random_horizontal_flip\", p = ", "random_vertical_flip\", p = ",
                                    "random_grayscale\", p = ", "random_posterize\", bits = 2, p = ",
                                    "random_solarize\", threshold = 9, p = ", "random_autocontrast\", p = ",
                                    "random_equalize\", p = ", "random_adjust_sharpness\", factor = 2, p = ",
                                    "random_apply\", of = [ { op = \"random_grayscale\", p = 1 } ], p = "}) {
        CAPTURE(start);
        for (const size_t p : {0u, 1u}) {
            bool as_told = true;
            draw_programs(transform_of("{ op = \"" + start + std::to_string(p) + " }"), 20'000,
                          [&](const Drawn& drawn) {
                              const Program& program = drawn.program;
                              as_told &= program.steps.size() == p && program.names.size() == p;
                          });
            CHECK(as_told);
        }
    }
}

}  // namespace
}  // namespace vitrine
