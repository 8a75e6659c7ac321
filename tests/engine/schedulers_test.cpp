// Schedulers against PyTorch's sequences (tests/golden/schedulers.json), their state, and batches, epochs and
// warm-up.

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "engine/atomic_file.h"
#include "engine/error.h"
#include "tests/folders.h"
#include "tests/peers/schedule_case.h"

using namespace vitrine;
using namespace vitrine::optim;

namespace {

/// The relative difference, and 0 for two zeros.
double difference(double ours, double theirs) {
    return ours == theirs ? 0.0 : std::abs(ours - theirs) / std::max(std::abs(ours), std::abs(theirs));
}

double nth(const nlohmann::json& values, size_t i) {
    return values.at(values.size() == 1 ? 0 : i).get<double>();
}

/// Each kind, as somebody might use it over a phase of some dozen steps.
std::vector<SchedulerSpec> one_of_each() {
    const std::vector<KindSpec> kinds{ConstantSpec{},
                                      StepSpec{.step_size = 3},
                                      MultiStepSpec{.milestones = {2, 9}},
                                      ExponentialSpec{},
                                      CyclicSpec{.step_size_up = 4, .mode = CyclicMode::triangular2},
                                      CosineSpec{},
                                      CosineWarmRestartsSpec{.first_period = 3, .period_factor = 2},
                                      ReduceOnPlateauSpec{.patience = 1, .cooldown = 1},
                                      OneCycleSpec{},
                                      PolynomialSpec{.power = 0.9}};
    std::vector<SchedulerSpec> specs;
    for (const KindSpec& kind : kinds) {
        specs.push_back({kind, Per::epoch, {}});
        specs.push_back({kind, Per::epoch, Warmup{.length = 7, .start_factor = 0.1, .per = Per::batch}});
        specs.push_back({kind, Per::epoch, Warmup{.length = 2, .start_factor = 0.1, .per = Per::epoch}});
        if (std::holds_alternative<ReduceOnPlateauSpec>(kind)) continue;
        specs.push_back({kind, Per::batch, {}});
        specs.push_back({kind, Per::batch, Warmup{.length = 2, .start_factor = 0.1, .per = Per::epoch}});
    }
    // Each of these with a hold, too: within an epoch, to its end, of whole epochs, beyond the phase.
    for (size_t i = 0, count = specs.size(); i < count; ++i) {
        for (const Hold hold : {Hold{.length = 3}, Hold{.length = 10}, Hold{.length = 2, .per = Per::epoch},
                                Hold{.length = 100}}) {
            specs.push_back(specs[i]);
            specs.back().hold = hold;
        }
    }
    return specs;
}

constexpr Hyperparameters initial{0.1, 0.9};
constexpr int64_t batches = 5, epochs = 12;

/// Runs from batch number `begin`; saves and loads at each `pause`-th event if that is not 0.
std::vector<Hyperparameters> run(const SchedulerSpec& spec, int64_t pause) {
    auto scheduler = std::make_unique<PhaseScheduler>(spec, initial, batches, epochs);
    std::vector<Hyperparameters> settings;
    int64_t events = 0;
    const auto maybe_resume = [&] {
        if (pause == 0 || ++events % pause != 0) return;
        const std::vector<double> state = scheduler->state();
        for (const double number : state) CHECK(std::isfinite(number));
        scheduler = std::make_unique<PhaseScheduler>(spec, initial, batches, epochs);
        scheduler->set_state(state);
    };
    for (int64_t epoch = 0; epoch < epochs; ++epoch) {
        for (int64_t batch = 0; batch < batches; ++batch) {
            settings.push_back(scheduler->setting());
            scheduler->after_batch();
            maybe_resume();
        }
        scheduler->after_epoch(1.0 / static_cast<double>(1 + epoch % 4));
        maybe_resume();
    }
    return settings;
}

std::vector<double> rates(const SchedulerSpec& spec, int64_t batches_per_epoch, int64_t epoch_count) {
    std::vector<double> values;
    for (const Hyperparameters& setting : preview_settings(spec, {1.0, 0.9}, batches_per_epoch, epoch_count))
        values.push_back(setting.learning_rate);
    return values;
}

}  // namespace

TEST_CASE("schedulers follow PyTorch's over a thousand steps, momentum included") {
    const auto golden =
        nlohmann::json::parse(read_file(tests::repository() / "tests/golden/schedulers.json"));
    REQUIRE(golden.at("cases").size() >= 40);
    for (const auto& entry : golden.at("cases")) {
        const std::string text = entry.at("toml");
        CAPTURE(text);
        const auto settings = tests::settings_of_case(toml::parse(text), "golden");
        const auto& steps = entry.contains("steps") ? entry.at("steps") : golden.at("steps");
        for (size_t i = 0; i < steps.size(); ++i) {
            CAPTURE(steps[i]);
            const Hyperparameters& ours = settings.at(steps[i].get<size_t>());
            CHECK(difference(ours.learning_rate, nth(entry.at("learning_rate"), i)) <= 1e-12);
            CHECK(difference(ours.momentum, nth(entry.at("momentum"), i)) <= 1e-12);
        }
    }
}

TEST_CASE("a scheduler goes on from its state with the same bits, wherever it was interrupted") {
    for (const SchedulerSpec& spec : one_of_each()) {
        CAPTURE(spec.kind.index());
        const std::vector<Hyperparameters> straight = run(spec, 0);
        for (const int64_t pause : {1, 2, 3, 7}) {
            const std::vector<Hyperparameters> resumed = run(spec, pause);
            REQUIRE(resumed.size() == straight.size());
            for (size_t i = 0; i < straight.size(); ++i) {
                CHECK(resumed[i].learning_rate == straight[i].learning_rate);
                CHECK(resumed[i].momentum == straight[i].momentum);
            }
        }
    }
}

TEST_CASE("a setting that is computed at once is the one that steps lead to, but for rounding") {
    for (const SchedulerSpec& each : one_of_each()) {
        SchedulerSpec spec = each;
        for (const int64_t length : {0, 1, 5, 13}) {
            for (const Per per : {Per::batch, Per::epoch}) {
                spec.warmup.reset();
                if (length > 0) spec.warmup = Warmup{.length = length, .start_factor = 0.25, .per = per};
                CAPTURE(spec.kind.index());
                CAPTURE(length);
                const std::vector<Hyperparameters> stepped = preview_settings(spec, initial, batches, epochs);
                std::vector<int64_t> all(stepped.size());
                std::iota(all.begin(), all.end(), int64_t{0});
                const std::vector<Hyperparameters> at_once =
                    preview_settings_at(all, spec, initial, batches, epochs);
                for (size_t i = 0; i < all.size(); ++i) {
                    CAPTURE(i);
                    CHECK(at_once[i].learning_rate ==
                          doctest::Approx(stepped[i].learning_rate).epsilon(1e-9));
                    CHECK(at_once[i].momentum == doctest::Approx(stepped[i].momentum).epsilon(1e-12));
                }
            }
        }
    }
}

TEST_CASE("a state that no scheduler was ever in is refused") {
    const SchedulerSpec spec{CosineWarmRestartsSpec{.first_period = 4}, Per::batch, Warmup{.length = 3}};
    PhaseScheduler scheduler(spec, initial, batches, epochs);
    const std::vector<double> good = scheduler.state();
    scheduler.set_state(good);
    // warm-up left, last batch counts, steps, rate, momentum, place, period, then the warm-up's own three
    for (const size_t counter : {0, 2, 5, 7}) {
        for (const double wrong : {-1.0, 0.5, 1e300, std::nan(""), double{INFINITY}}) {
            std::vector<double> state = good;
            state[counter] = wrong;
            CAPTURE(counter);
            CAPTURE(wrong);
            CHECK_THROWS_AS(scheduler.set_state(state), Error);
        }
    }
    for (const size_t rate : {3, 4, 8, 9}) {
        std::vector<double> state = good;
        state[rate] = std::nan("");
        CHECK_THROWS_AS(scheduler.set_state(state), Error);
    }
    std::vector<double> late = good;
    late[0] = 4.0;  // of a warm-up of 3
    CHECK_THROWS_AS(scheduler.set_state(late), Error);
}

TEST_CASE("a state of a hold that was never so long is refused") {
    const SchedulerSpec spec{CosineSpec{}, Per::batch, {}, Hold{4}};
    PhaseScheduler scheduler(spec, initial, batches, epochs);
    std::vector<double> state = scheduler.state();
    CHECK(state.back() == 4.0);
    for (const double wrong : {5.0, -1.0, 0.5, std::nan("")}) {
        state.back() = wrong;
        CHECK_THROWS_AS(scheduler.set_state(state), Error);
    }
    // Whose the last batch was: one of three.
    state = scheduler.state();
    state[1] = 3.0;
    CHECK_THROWS_AS(scheduler.set_state(state), Error);
}

TEST_CASE("a state of another kind is refused") {
    PhaseScheduler with({ConstantSpec{}, Per::batch, Warmup{}}, initial, batches, epochs);
    PhaseScheduler without({ConstantSpec{}, Per::batch, {}}, initial, batches, epochs);
    CHECK_THROWS_AS(with.set_state(without.state()), Error);
    CHECK_THROWS_AS(without.set_state({}), Error);
    PhaseScheduler held({ConstantSpec{}, Per::batch, {}, Hold{}}, initial, batches, epochs);
    CHECK_THROWS_AS(held.set_state(without.state()), Error);
}

TEST_CASE("a scheduler counts what it is told to count") {
    const std::vector<double> per_epoch = rates({ExponentialSpec{0.5}, Per::epoch, {}}, 2, 3);
    CHECK(per_epoch == std::vector<double>{1, 1, 0.5, 0.5, 0.25, 0.25});
    const std::vector<double> per_batch = rates({ExponentialSpec{0.5}, Per::batch, {}}, 2, 2);
    CHECK(per_batch == std::vector<double>{1, 0.5, 0.25, 0.125});
}

TEST_CASE("a warm-up hands over to the scheduler's first step, on either clock") {
    const KindSpec halving = ExponentialSpec{0.5};
    const auto close = [](const std::vector<double>& ours, const std::vector<double>& expected) {
        REQUIRE(ours.size() == expected.size());
        for (size_t i = 0; i < ours.size(); ++i)
            CHECK(ours[i] == doctest::Approx(expected[i]).epsilon(1e-14));
    };
    // Ends inside the second epoch, which is then the scheduler's first.
    close(rates({halving, Per::epoch, Warmup{5, 0.5, Per::batch}}, 3, 4),
          {0.5, 0.6, 0.7, 0.8, 0.9, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25});
    // Ends with the first epoch, which does not count.
    close(rates({halving, Per::epoch, Warmup{2, 0.5, Per::batch}}, 2, 3), {0.5, 0.75, 1, 1, 0.5, 0.5});
    close(rates({halving, Per::batch, Warmup{2, 0.5, Per::epoch}}, 2, 3), {0.5, 0.5, 0.75, 0.75, 1, 0.5});
    close(rates({halving, Per::epoch, Warmup{2, 0.5, Per::epoch}}, 1, 4), {0.5, 0.75, 1, 0.5});
    // Longer than the phase.
    close(rates({halving, Per::batch, Warmup{4, 0.5, Per::batch}}, 1, 2), {0.5, 0.625});
}

TEST_CASE("a hold stays where the warm-up has led, until the scheduler's first step, on any clock") {
    const KindSpec halving = ExponentialSpec{0.5};
    const Warmup two{2, 0.5, Per::batch};
    using Rates = std::vector<double>;
    CHECK(rates({halving, Per::batch, {}, Hold{2}}, 2, 3) == Rates{1, 1, 1, 0.5, 0.25, 0.125});
    CHECK(rates({halving, Per::epoch, {}, Hold{1, Per::epoch}}, 2, 3) == Rates{1, 1, 1, 1, 0.5, 0.5});
    CHECK(rates({halving, Per::batch, two, Hold{2}}, 2, 3) == Rates{0.5, 0.75, 1, 1, 1, 0.5});
    // The warm-up ends with the first epoch, and then inside it: that epoch is the hold's first.
    CHECK(rates({halving, Per::batch, two, Hold{1, Per::epoch}}, 2, 3) == Rates{0.5, 0.75, 1, 1, 1, 0.5});
    CHECK(rates({halving, Per::batch, two, Hold{1, Per::epoch}}, 3, 2) == Rates{0.5, 0.75, 1, 1, 0.5, 0.25});
    // A hold that ends inside an epoch: that one is the scheduler's first.
    CHECK(rates({halving, Per::epoch, {}, Hold{3}}, 2, 3) == Rates{1, 1, 1, 1, 0.5, 0.5});
    // Longer than the phase.
    CHECK(rates({halving, Per::batch, {}, Hold{9}}, 2, 2) == Rates{1, 1, 1, 1});
    // Where a warm-up leads is a cycle's lowest rate, and there it stays.
    const CyclicSpec cycle{.base_lr = 0.25, .max_lr = 1.0, .step_size_up = 1};
    CHECK(rates({cycle, Per::batch, {}, Hold{2}}, 4, 1) == Rates{0.25, 0.25, 0.25, 1.0});
}

TEST_CASE("an open length is the phase's, less the warm-up and the hold") {
    CHECK(steps_of_scheduler({CosineSpec{}, Per::batch, Warmup{3, 0.1, Per::batch}, Hold{7}}, 10, 3) == 20);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::epoch, {}, Hold{15}}, 10, 3) == 2);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::batch, {}, Hold{.share = 0.8}}, 10, 3) == 6);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::batch, {}, Hold{30}}, 10, 3) == 1);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::batch, {}}, 10, 3) == 30);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::epoch, {}}, 10, 3) == 3);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::batch, Warmup{1, 0.1, Per::epoch}}, 10, 3) == 20);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::epoch, Warmup{10, 0.1, Per::batch}}, 10, 3) == 2);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::epoch, Warmup{15, 0.1, Per::batch}}, 10, 3) == 2);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::batch, Warmup{31, 0.1, Per::batch}}, 10, 3) == 1);
    const auto part = [](double share, Per per) { return Warmup{.per = per, .share = share}; };
    CHECK(part(0.0427, Per::batch).length_in(937, 5) == 200);
    CHECK(part(0.1, Per::batch).length_in(10, 3) == 3);
    CHECK(part(0.5, Per::epoch).length_in(10, 3) == 2);
    CHECK(part(0.001, Per::batch).length_in(10, 3) == 1);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::batch, part(0.1, Per::batch)}, 10, 3) == 27);
    CHECK(steps_of_scheduler({CosineSpec{}, Per::batch, part(0.34, Per::epoch)}, 10, 3) == 20);
    const std::vector<double> cycle =
        rates({OneCycleSpec{.max_lr = 1.0}, Per::batch, Warmup{3, 0.1, Per::batch}}, 10, 2);
    CHECK(cycle.back() == doctest::Approx(1.0 / 25.0 / 1e4).epsilon(1e-12));
    CHECK(*std::ranges::max_element(cycle) > 0.99);
}

TEST_CASE("one cycle stays where it ended, and has no step of nothing by nothing") {
    PhaseScheduler past({OneCycleSpec{.max_lr = 1.0, .total_steps = 10}, Per::batch, {}}, initial, 20, 1);
    for (int step = 0; step < 9; ++step) past.after_batch();
    const Hyperparameters last = past.setting();
    for (int step = 0; step < 5; ++step) past.after_batch();
    CHECK(past.setting().learning_rate == last.learning_rate);
    CHECK(past.setting().momentum == last.momentum);
    // A rise of a single step, at which PyTorch divides by zero, and a cycle that is all rise.
    for (const double share : {0.1, 1.0}) {
        const OneCycleSpec spec{.max_lr = 1.0, .total_steps = 10, .pct_start = share};
        for (const double rate : rates({spec, Per::batch, {}}, 10, 1)) CHECK((rate > 0.0 && rate <= 1.0));
    }
}

TEST_CASE("reduce_on_plateau needs its metric, but not during the warm-up") {
    const ReduceOnPlateauSpec spec{.factor = 0.5, .patience = 0};
    PhaseScheduler scheduler({spec, Per::epoch, Warmup{2, 0.5, Per::epoch}}, initial, 1, 10);
    CHECK(scheduler.needs_metric());
    const auto epoch = [&](std::optional<double> loss) {
        scheduler.after_batch();
        scheduler.after_epoch(loss);
        return scheduler.setting().learning_rate;
    };
    CHECK(epoch({}) == doctest::Approx(0.075));
    CHECK(epoch(1.0) == doctest::Approx(0.1));
    CHECK(epoch(2.0) == 0.1);  // the best so far: what the warm-up reached is forgotten
    CHECK(epoch(std::nan("")) == 0.05);
    CHECK_THROWS_AS(epoch({}), Error);
}

TEST_CASE("what a plateau will do is not known beforehand") {
    for (const double rate : rates({ReduceOnPlateauSpec{.patience = 0}, Per::epoch, {}}, 3, 9))
        CHECK(rate == 1.0);
}
