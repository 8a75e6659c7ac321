// Schedulers in recipes: reading them, their mistakes, writing them, and what is warned of.

#include <doctest/doctest.h>

#include "engine/error.h"
#include "tests/tools/schedule_support.h"
#include "tools/recipe/describe_scheduler.h"

using namespace vitrine;
using namespace vitrine::tools;

namespace {

template <class Function>
void check_refusal(const Function& function, const std::string& keys, const std::string& part) {
    CAPTURE(keys);
    CAPTURE(part);
    try {
        function(keys);
        FAIL("it was taken");
    } catch (const Error& error) {
        CAPTURE(std::string(error.what()));
        CHECK(std::string(error.what()).find(part) != std::string::npos);
    }
}

void check_refusal(const std::string& keys, const std::string& part) { check_refusal(scheduler, keys, part); }

/// The warnings, one a line.
std::string warnings(const PlannedPhase& phase) {
    std::string text;
    for (const std::string& warning : schedule_warnings({phase})) text += warning + "\n";
    return text;
}

}  // namespace

TEST_CASE("every kind of scheduler is read, and written so that it can be read again") {
    for (const std::string keys :
         {"kind = 'constant'", "kind = 'step', step_size = 30, gamma = 0.5, per = 'epoch'",
          "kind = 'multi_step', milestones = [30, 60], per = 'epoch'",
          "kind = 'exponential', gamma = 0.9, per = 'batch'",
          "kind = 'cyclic', base_lr = 0, max_lr = 0.1, step_size_down = 3, mode = 'exp_range', gamma = 0.99, "
          "cycle_momentum = false, base_momentum = 0.1, max_momentum = 0.2, per = 'batch'",
          "kind = 'cosine', per = 'epoch'", "kind = 'cosine', period = 7, min_lr = 1e-3, per = 'epoch'",
          "kind = 'cosine_warm_restarts', first_period = 10, period_factor = 2, per = 'epoch'",
          "kind = 'reduce_on_plateau', metric = 'val_accuracy', mode = 'max', factor = 0.5, patience = 3, "
          "threshold_mode = 'absolute', cooldown = 2, eps = 0",
          "kind = 'one_cycle', max_lr = 0.3, anneal = 'linear', three_phase = true, per = 'batch'",
          "kind = 'polynomial', total_steps = 100, power = 2, per = 'epoch'"}) {
        CAPTURE(keys);
        const optim::SchedulerSpec spec = scheduler(keys);
        std::ostringstream text;
        text << to_toml(spec);
        const optim::SchedulerSpec again = parse_scheduler(toml::parse(text.str()), "again");
        CHECK(to_toml(again) == to_toml(spec));
        CHECK(again.kind.index() == spec.kind.index());
        CHECK(again.per == spec.per);
        CHECK(describe(spec) == describe(again));
        CHECK(keys.find(name_of(spec.kind)) != std::string::npos);
    }
    const optim::Warmup warm = warmup("length = 500, start_factor = 0.01, per = 'batch'");
    CHECK(warm.length == 500);
    CHECK(warm.start_factor == 0.01);
    CHECK(parse_warmup(to_toml(warm), "again").per == optim::Per::batch);
    const optim::Warmup part = warmup("share = 0.25, per = 'epoch'");
    CHECK(part.share == 0.25);
    CHECK(to_toml(part).contains("share"));
    CHECK_FALSE(to_toml(part).contains("length"));
    CHECK(describe({optim::ConstantSpec{}, optim::Per::epoch, part}) ==
          "warm-up for 25% of the phase from 0.333333 times the rate, then constant");
    const optim::Hold held = hold("share = 0.5, per = 'batch'");
    CHECK(held.share == 0.5);
    CHECK_FALSE(to_toml(held).contains("length"));
    CHECK(parse_hold(to_toml(hold("length = 9, per = 'epoch'")), "again").length == 9);
    CHECK(describe({optim::CosineSpec{}, optim::Per::epoch, {}, held}) ==
          "hold for 50% of the phase, then cosine per epoch");
    CHECK(describe({optim::CosineSpec{}, optim::Per::epoch, part, hold("length = 9, per = 'epoch'")}) ==
          "warm-up for 25% of the phase from 0.333333 times the rate, hold for 9 epochs, then cosine per "
          "epoch");
}

TEST_CASE("what is read is what was said") {
    const auto spec = scheduler(study + "per = 'batch', base_momentum = 0.7");
    const auto& cyclic = std::get<optim::CyclicSpec>(spec.kind);
    CHECK(spec.per == optim::Per::batch);
    CHECK(cyclic.base_lr == 0.01);
    CHECK(cyclic.max_lr == 0.1);
    CHECK(cyclic.step_size_up == 5);
    CHECK(!cyclic.step_size_down);
    CHECK(cyclic.mode == optim::CyclicMode::triangular2);
    CHECK(cyclic.base_momentum == 0.7);
    CHECK(cyclic.max_momentum == 0.9);
    CHECK(describe(spec) ==
          "cyclic per batch (base_lr 0.01, max_lr 0.1, step_size_up 5, mode triangular2, base_momentum 0.7)");
}

TEST_CASE("a scheduler's mistakes are told with their line and what is allowed") {
    check_refusal("per = 'batch'", "my.toml:2: scheduler needs kind, one of constant, step, multi_step");
    check_refusal(
        "kind = 'cosin', per = 'batch'",
        "my.toml:2: there is no scheduler 'cosin' (did you mean cosine?); kind is one of constant, ");
    check_refusal("kind = 3", "kind is one of constant");
    check_refusal("kind = 'cosine'", "my.toml:2: cosine needs per = \"batch\" or \"epoch\"");
    check_refusal("kind = 'cosine', per = 'step'", "per of cosine must be one of \"batch\", \"epoch\"");
    check_refusal("kind = 'cosine', per = 'epoch', perod = 3",
                  "cosine has no 'perod' (did you mean period?)");
    check_refusal("kind = 'cosine', per = 'epoch', T_max = 3",
                  "PyTorch's T_max of cosine is called period here");
    check_refusal("kind = 'cosine', per = 'epoch', period = 0",
                  "period of cosine must be a whole number from 1");
    check_refusal("kind = 'step', per = 'epoch'", "step needs step_size");
    check_refusal("kind = 'step', per = 'epoch', step_size = 1.5",
                  "step_size of step must be a whole number");
    check_refusal("kind = 'multi_step', per = 'epoch'",
                  "milestones of multi_step must be whole numbers from 1 up");
    check_refusal("kind = 'multi_step', per = 'epoch', milestones = [3, 0]",
                  "milestones of multi_step must be");
    check_refusal("kind = 'multi_step', per = 'epoch', milestones = []", "milestones of multi_step must be");
    check_refusal("kind = 'exponential', per = 'epoch', gamma = -1",
                  "gamma of exponential must be a number from 0");
    check_refusal("kind = 'cyclic', base_lr = 0.2, max_lr = 0.1, per = 'batch'",
                  "base_lr of cyclic must not be above max_lr");
    check_refusal(study + "per = 'batch', base_momentum = 0.95", "base_momentum of cyclic must not be above");
    check_refusal("kind = 'one_cycle', max_lr = 1, base_momentum = 0.97, per = 'batch'", "must not be above");
    check_refusal("kind = 'reduce_on_plateau', per = 'batch'", "per of reduce_on_plateau must be \"epoch\"");
    check_refusal("kind = 'reduce_on_plateau', factor = 1",
                  "factor of reduce_on_plateau must be a number from 0");
    check_refusal("kind = 'reduce_on_plateau', metric = 'val_accuracy', mode = 'min'",
                  "mode of reduce_on_plateau must be \"max\" for val_accuracy");
    check_refusal(
        "kind = 'reduce_on_plateau', metric = 'loss'",
        "metric of reduce_on_plateau must be one of \"val_loss\", \"val_accuracy\", \"train_loss\"");
    check_refusal(warmup, "length = 5", "my.toml:1: warmup needs per = \"batch\" or \"epoch\"");
    check_refusal(warmup, "start_factor = 0.1, per = 'batch'",
                  "warmup needs length, in steps, or share, of the phase");
    check_refusal(warmup, "length = 3, share = 0.1, per = 'batch'",
                  "warmup has both length and share: give one of them");
    check_refusal(warmup, "share = 1, per = 'batch'", "share of warmup must be a number from 1e-06 to 0.99");
    check_refusal(warmup, "length = 5, start_factor = 0, per = 'batch'",
                  "start_factor of warmup must be a number");
    check_refusal(warmup, "total_iters = 5, per = 'batch'", "total_iters of warmup is called length here");
    check_refusal(hold, "length = 5", "my.toml:1: hold needs per = \"batch\" or \"epoch\"");
    check_refusal(hold, "per = 'batch'", "hold needs length, in steps, or share, of the phase");
    check_refusal(hold, "length = 3, share = 0.1, per = 'batch'",
                  "hold has both length and share: give one of them");
    check_refusal(hold, "share = 1, per = 'batch'", "share of hold must be a number from 1e-06 to 0.99");
    check_refusal(hold, "length = 0, per = 'batch'", "length of hold must be a whole number");
    check_refusal(hold, "total_iters = 5, per = 'batch'", "total_iters of hold is called length here");
    check_refusal(hold, "length = 5, start_factor = 1, per = 'batch'", "hold has no 'start_factor'");
}

TEST_CASE("schedules that do something else than was meant are told") {
    CHECK(warnings(planned(study + "per = 'batch'", 782, 15)) ==
          "cyclic, stepped per batch, is within 1% of its floor 0.01 after batch 98 of 11,730; did you mean "
          "per = "
          "\"epoch\"?\n");
    CHECK(warnings(
              planned(study + "per = 'batch'", 782, 15, "length = 400, start_factor = 1e-3, per = 'batch'"))
              .find("floor 0.01 after batch 498 of 11,730") != std::string::npos);
    CHECK(warnings(planned("kind = 'exponential', gamma = 0.9, per = 'batch'", 782, 15)) ==
          "exponential, stepped per batch, has fallen below 1% of its highest rate, 0.1, after batch 44 of "
          "11,730; "
          "did you mean per = \"epoch\"?\n");
    CHECK(warnings(planned("kind = 'cosine', period = 10, per = 'epoch'", 5, 30)).find("rises again") !=
          std::string::npos);
    CHECK(warnings(planned("kind = 'cosine', period = 30, per = 'batch'", 50, 30))
              .find("did you mean per = \"epoch\"?") != std::string::npos);
    CHECK(warnings(planned("kind = 'cosine', period = 100, per = 'epoch'", 5, 30)).find("at 0.0") !=
          std::string::npos);
    CHECK(warnings(planned("kind = 'one_cycle', max_lr = 1, total_steps = 1500, per = 'epoch'", 50, 30))
              .find("did you mean per = \"batch\"?") != std::string::npos);
    CHECK(warnings(planned("kind = 'polynomial', total_steps = 20, per = 'epoch'", 10, 30)) ==
          "polynomial, stepped per epoch, is at a learning rate of 0 after batch 200 of 300: nothing is "
          "learnt from "
          "there on\n");
    CHECK(warnings(planned("kind = 'step', step_size = 30, per = 'epoch'", 5, 30)) ==
          "step, stepped per epoch, changes nothing within the phase's 30 epochs\n");
    CHECK(warnings(planned("kind = 'exponential', gamma = 10, per = 'batch'", 100, 5)).find("beyond all") !=
          std::string::npos);
    CHECK(warnings(planned("kind = 'cosine', per = 'epoch'", 5, 3, "length = 15, per = 'batch'")) ==
          "the warm-up of 15 batches takes the whole phase of 15 batches: cosine never begins\n");
    CHECK(warnings(planned("kind = 'cosine', per = 'epoch'", 5, 3, "", "length = 3, per = 'epoch'")) ==
          "the hold of 3 epochs takes the rest of the phase of 3 epochs: cosine never begins\n");
    CHECK(warnings(planned("kind = 'cosine', per = 'batch'", 5, 4, "share = 0.5, per = 'batch'",
                           "share = 0.5, per = 'batch'")) ==
          "the hold of 10 batches after the warm-up takes the rest of the phase of 20 batches: cosine never "
          "begins\n");
    CHECK(warnings(planned("kind = 'cosine', min_lr = 0.2, per = 'epoch'", 5, 30)) ==
          "cosine has a min_lr of 0.2, which is above the learning rate 0.1 that it begins with\n");
    const std::string patient = "kind = 'reduce_on_plateau', patience = 8";
    CHECK(warnings(planned(patient, 5, 11)).empty());
    CHECK(warnings(planned(patient, 5, 10)).find("patience of 8 can change the rate after 10 epochs") !=
          std::string::npos);
}

TEST_CASE("a plateau scheduler is warned of exactly where it can change nothing") {
    const optim::SchedulerSpec spec = scheduler("kind = 'reduce_on_plateau', patience = 2");
    for (const int64_t epochs : {4, 5}) {
        optim::PhaseScheduler running(spec, {0.1, 0.9}, 1, epochs);
        for (int64_t epoch = 1; epoch < epochs; ++epoch) {
            running.after_batch();
            running.after_epoch(1.0);
        }
        const bool changed = running.setting().learning_rate != 0.1;  // in the last epoch
        CHECK(schedule_warnings({plan_phase("p", spec, {0.1, 0.9}, 1, epochs)}).empty() == changed);
        CHECK(changed == (epochs == 5));
    }
}

TEST_CASE("schedules that do what was meant are not warned of") {
    for (const std::string keys :
         {"kind = 'constant'", "kind = 'cosine', per = 'epoch'", "kind = 'cosine', per = 'batch'",
          "kind = 'one_cycle', max_lr = 0.3, per = 'batch'", "kind = 'polynomial', per = 'batch'",
          "kind = 'multi_step', milestones = [50, 75], per = 'epoch'", "kind = 'reduce_on_plateau'",
          "kind = 'exponential', gamma = 0.95, per = 'epoch'",
          "kind = 'cosine_warm_restarts', first_period = 10, period_factor = 2, per = 'epoch'"}) {
        CAPTURE(keys);
        CHECK(warnings(planned(keys, 20, 100)).empty());
        if (keys.find("one_cycle") != std::string::npos) continue;  // which has a warm-up of its own
        if (keys.find("constant") == std::string::npos)
            CHECK(warnings(planned(keys, 20, 100, "", "length = 40, per = 'batch'")).empty());
        for (const char* length : {"length = 5", "share = 0.05"})
            CHECK(
                warnings(planned(keys, 20, 100, std::string(length) + ", start_factor = 0.01, per = 'epoch'"))
                    .empty());
    }
    CHECK(warnings(planned(study + "per = 'epoch'", 20, 15)).empty());
}

TEST_CASE("a warm-up of a share is as long as the phase makes it") {
    const auto rates = [](int64_t batches, int64_t epochs) {
        return planned("kind = 'cosine', per = 'batch'", batches, epochs,
                       "share = 0.05, start_factor = 0.01, per = 'batch'")
            .settings;
    };
    for (const int64_t epochs : {2, 20}) {
        const std::vector<optim::Hyperparameters> settings = rates(100, epochs);
        const auto end = static_cast<size_t>(5 * epochs);
        CHECK(settings[0].learning_rate == doctest::Approx(0.001));
        CHECK(settings[end - 1].learning_rate < 0.1);
        CHECK(settings[end].learning_rate == doctest::Approx(0.1));
        CHECK(settings[end + 1].learning_rate < 0.1);
        CHECK(settings.back().learning_rate < 1e-4);
    }
}

TEST_CASE("a hold of a share leaves the scheduler the rest of the phase, however long that is") {
    for (const int64_t epochs : {2, 20}) {
        const auto settings =
            planned("kind = 'cosine', per = 'batch'", 100, epochs,
                    "share = 0.05, start_factor = 0.01, per = 'batch'", "share = 0.75, per = 'batch'")
                .settings;
        const auto begin = static_cast<size_t>(5 * epochs), end = static_cast<size_t>(80 * epochs);
        CHECK(settings[begin - 1].learning_rate < 0.1);
        for (size_t i = begin; i <= end; ++i) CHECK(settings[i].learning_rate == doctest::Approx(0.1));
        CHECK(settings[end + 1].learning_rate < 0.1);
        CHECK(settings.back().learning_rate < 1e-3);
        CHECK(settings.back().learning_rate > 0.0);
    }
}

TEST_CASE("fields of a scheduler that do nothing are told") {
    CHECK(warnings(planned(
              "kind = 'cyclic', base_lr = 0.01, max_lr = 0.1, step_size_up = 5, cycle_momentum = false, "
              "base_momentum = 0.5, per = 'epoch'",
              5, 30)) == "base_momentum and max_momentum of cyclic are not used: cycle_momentum is false\n");
    CHECK(warnings(planned(
              "kind = 'one_cycle', max_lr = 1, cycle_momentum = false, max_momentum = 0.9, per = 'batch'", 5,
              30)) == "base_momentum and max_momentum of one_cycle are not used: cycle_momentum is false\n");
    CHECK(warnings(planned("kind = 'one_cycle', max_lr = 1, cycle_momentum = false, per = 'batch'", 5, 30))
              .empty());
    CHECK(warnings(
              planned("kind = 'cyclic', base_lr = 0.01, max_lr = 0.1, step_size_up = 5, gamma = 0.99, per = "
                      "'epoch'",
                      5, 30)) == "gamma 0.99 of cyclic is not used: it is for mode = \"exp_range\"\n");
    CHECK(warnings(
              planned("kind = 'cyclic', base_lr = 0.01, max_lr = 0.1, step_size_up = 5, gamma = 0.99, mode = "
                      "'exp_range', per = 'epoch'",
                      5, 30))
              .empty());
    CHECK(warnings(planned("kind = 'multi_step', milestones = [10, 30, 40], per = 'epoch'", 5, 30)) ==
          "multi_step never reaches 30, 40: the phase ends after 30 epochs\n");
    CHECK(warnings(planned("kind = 'multi_step', milestones = [10, 29], per = 'epoch'", 5, 30)).empty());
    CHECK(
        warnings(planned("kind = 'cosine_warm_restarts', first_period = 50, per = 'epoch'", 5, 30)) ==
        "cosine_warm_restarts has a first_period of 50 epochs, but the phase ends after 30 epochs: it never "
        "restarts\n");
    CHECK(warnings(planned("kind = 'reduce_on_plateau', patience = 2, min_lr = 0.1", 5, 30)) ==
          "reduce_on_plateau never lowers the learning rate 0.1: min_lr is as high\n");
    CHECK(warnings(planned("kind = 'reduce_on_plateau', patience = 2, factor = 0.5, eps = 0.05", 5, 30)) ==
          "reduce_on_plateau never lowers the learning rate 0.1: the first reduction, to 0.05, is no more "
          "than eps, "
          "0.05\n");
    CHECK(warnings(planned("kind = 'cosine', per = 'epoch'", 5, 30,
                           "length = 3, start_factor = 1, per = 'epoch'")) ==
          "warmup with a start_factor of 1 only delays the scheduler: it begins at the full rate\n");
    const std::string held = "length = 3, per = 'epoch'";
    CHECK(warnings(planned("kind = 'constant'", 5, 30, "", held)) ==
          "hold is not used: constant stays anyway\n");
    CHECK(warnings(planned(study + "per = 'epoch'", 5, 30, "", held)) ==
          "hold comes before cyclic rises: it stays at the 0.01 where that begins\n");
    const std::string cycle = "kind = 'one_cycle', max_lr = 0.5, per = 'epoch'";
    CHECK(warnings(planned(cycle, 5, 30, "", held)) ==
          "hold comes before one_cycle rises: it stays at the 0.02 where that begins\n");
    CHECK(warnings(planned(cycle, 5, 30, "length = 3, per = 'epoch'")) ==
          "one_cycle warms up by itself, for 30% of its steps (pct_start): warmup comes before that, and "
          "leads to the "
          "0.02 where it begins\n");
    CHECK(warnings(planned(cycle + ", pct_start = 0", 5, 30, "length = 3, per = 'epoch'")).empty());
    const std::string triangle = "kind = 'cyclic', base_lr = 0.01, max_lr = 0.1, per = 'epoch'";
    CHECK(warnings(planned(triangle, 5, 30)) ==
          "cyclic never reaches its max_lr 0.1: step_size_up is 2,000 epochs, but the phase ends after 30 "
          "epochs\n");
    CHECK(warnings(planned(triangle + ", step_size_up = 30", 5, 30))
              .starts_with("cyclic never reaches its max_lr 0.1"));
    CHECK(warnings(planned(triangle + ", step_size_up = 29", 5, 30)).empty());
    CHECK(warnings(planned("kind = 'one_cycle', max_lr = 0.1, total_steps = 20, per = 'epoch'", 5, 30)) ==
          "one_cycle is over after its total_steps of 20 epochs: the rest of the phase's 30 epochs stays at "
          "a learning "
          "rate of 4e-07\n");
    CHECK(warnings(planned("kind = 'one_cycle', max_lr = 0.1, total_steps = 30, per = 'epoch'", 5, 30))
              .empty());
    // Beside what is said of a schedule as a whole.
    CHECK(warnings(planned(study + "gamma = 0.5, per = 'batch'", 782, 15))
              .find("exp_range\"\ncyclic, stepped per") != std::string::npos);
}
