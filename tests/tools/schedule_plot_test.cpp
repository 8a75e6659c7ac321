// A schedule as it is shown: the plot in a terminal, and JSON.

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

#include "tests/tools/schedule_support.h"

using namespace vitrine;
using namespace vitrine::tools;

namespace {

size_t letters_in(const std::string& text) {
    return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

TEST_CASE("the plot is a plot") {
    const std::string plot = plot_schedule({planned("kind = 'polynomial', per = 'epoch'", 10, 4)});
    CHECK(plot.starts_with(R"(        learning rate
     0.1 ┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⡇
)"));
}

TEST_CASE("a plot fits a terminal of 80 columns, whatever the schedule") {
    std::vector<PlannedPhase> phases{
        planned(study + "per = 'batch'", 7, 3),
        planned("kind = 'reduce_on_plateau', metric = 'val_accuracy'", 1, 1),
        planned("kind = 'one_cycle', max_lr = 2.5e-7, per = 'batch'", 100, 96, "length = 2, per = 'epoch'"),
        planned("kind = 'exponential', gamma = 10, per = 'batch'", 400, 1)};
    phases[0].name = "größer";
    for (size_t first = 0; first < phases.size(); ++first) {
        for (size_t last = first + 1; last <= phases.size(); ++last) {
            std::istringstream plot(plot_schedule({phases.begin() + static_cast<std::ptrdiff_t>(first),
                                                   phases.begin() + static_cast<std::ptrdiff_t>(last)}));
            for (std::string line; std::getline(plot, line);) {
                CAPTURE(line);
                CHECK(letters_in(line) <= 80);
            }
        }
    }
    const std::string whole = plot_schedule(phases);
    for (const std::string part : {"├", "┊", "1 größer: epochs 1 to 3, 7 batches each", "momentum", "epoch",
                                   "depends on the run", "warning: phase main: "})
        CHECK(whole.find(part) != std::string::npos);
}

TEST_CASE("names of phases reach a terminal as text, whatever they hold") {
    std::vector<PlannedPhase> phases{planned("kind = 'exponential', gamma = 10, per = 'batch'", 400, 1),
                                     planned("kind = 'polynomial', per = 'epoch'", 10, 4)};
    for (PlannedPhase& phase : phases) phase.name = "a\x1b[2J\nb";
    const std::string plot = plot_schedule(phases);
    CHECK(plot.find('\x1b') == std::string::npos);
    CHECK(plot.find(R"(1 a\x1b[2J\x0ab: epochs 1 to 1)") != std::string::npos);
    CHECK(plot.find(R"(phase a\x1b[2J\x0ab: )") != std::string::npos);
}

TEST_CASE("a plan of more updates than anybody could lay out shows the same, computed at a sample of them") {
    const std::vector<std::string> kinds{"kind = 'one_cycle', max_lr = 0.5, per = 'batch'",
                                         study + "per = 'batch'", "kind = 'cosine', per = 'epoch'",
                                         "kind = 'polynomial', per = 'batch', total_steps = 5000",
                                         "kind = 'exponential', gamma = 1.0001, per = 'batch'"};
    for (const std::string& keys : kinds) {
        CAPTURE(keys);
        const optim::SchedulerSpec spec = scheduler(keys);
        const PlannedPhase whole = plan_phase("main", spec, {0.1, 0.9}, 100, 200);
        const PlannedPhase sample = plan_phase("main", spec, {0.1, 0.9}, 100, 200, 5000);
        REQUIRE(whole.settings.size() == 20'000);
        REQUIRE(sample.settings.size() == 5000);
        CHECK(sample.update_of(0) == 0);
        CHECK(sample.update_of(4999) == 19'999);
        for (size_t i = 0; i < sample.settings.size(); ++i) {
            const auto update = static_cast<size_t>(sample.update_of(i));
            CHECK(sample.first_from(sample.update_of(i)) == i);
            CHECK(sample.settings[i].learning_rate == doctest::Approx(whole.settings[update].learning_rate));
        }
        CHECK(schedule_warnings({sample}).size() == schedule_warnings({whole}).size());
        CHECK(plot_schedule({sample}).substr(0, 24) == plot_schedule({whole}).substr(0, 24));
    }
    const int64_t batches = 1'000'000'000, epochs = 1'000'000;
    const PlannedPhase endless = plan_phase("main", scheduler(kinds[0]), {0.1, 0.9}, batches, epochs);
    CHECK(endless.settings.size() < 1'000'000);
    CHECK(endless.update_of(endless.settings.size() - 1) == batches * epochs - 1);
    CHECK(plot_schedule({endless}).find("0.02 at first, 2e-06 at last, 2e-06 to 0.5 between") !=
          std::string::npos);
}

TEST_CASE("rates at the ends of what a number can be are drawn") {
    const std::vector<std::string> kinds{
        "kind = 'exponential', gamma = 10, per = 'batch'",
        "kind = 'exponential', gamma = 0, per = 'batch'",
        "kind = 'cyclic', base_lr = 1e-320, max_lr = 1e-318, step_size_up = 3, per = 'batch'",
        "kind = 'cyclic', base_lr = 0, max_lr = 0, step_size_up = 3, per = 'batch'",
        "kind = 'one_cycle', max_lr = 100, div_factor = 1e12, final_div_factor = 1e12, per = 'batch'",
        "kind = 'polynomial', power = 100, per = 'batch'"};
    for (const std::string& keys : kinds) {
        for (const double rate : {1e-30, 0.1, 1e30, 1e308}) {
            CAPTURE(keys);
            CAPTURE(rate);
            const PlannedPhase phase = plan_phase("main", scheduler(keys), {rate, 0.9}, 50, 20);
            CHECK(plot_schedule({phase}).find("learning rate") != std::string::npos);
        }
    }
}

TEST_CASE("the schedule as JSON holds each change") {
    const auto document = schedule_json({planned("kind = 'step', step_size = 2, per = 'epoch'", 10, 5),
                                         planned("kind = 'reduce_on_plateau'", 3, 2)});
    const auto& first = document.at("phases")[0];
    CHECK(first.at("points").size() == 3);
    CHECK(first.at("points")[1] == nlohmann::json::array({20, 0.1 * 0.1, 0.9}));
    CHECK(first.at("depends_on").is_null());
    const auto& second = document.at("phases")[1];
    CHECK(second.at("first_epoch") == 6);
    CHECK(second.at("depends_on") == "val_loss");
    CHECK(second.at("points").size() == 1);
}
