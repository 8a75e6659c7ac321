// What a recipe says of a scheduler: its kind, with PyTorch's parameters and defaults, what it counts, and what comes before
// it: a warm-up, a hold.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace vitrine::optim {

/// What a scheduler counts: it moves on after each update of the weights, or after each epoch.
enum class Per { batch, epoch };

// One struct a kind. Learning rates are absolute, step counts are in batches or epochs as `per` says.
// "Initial" is what the optimiser was given. A length that is left open is the whole phase's, less its
// warm-up and its hold.

/// The initial learning rate throughout.
struct ConstantSpec {};

/// torch.optim.lr_scheduler.StepLR: times gamma every step_size steps.
struct StepSpec {
    int64_t step_size = 1;
    double gamma = 0.1;
};

/// MultiStepLR: times gamma at each milestone; at one that is named twice, twice.
struct MultiStepSpec {
    std::vector<int64_t> milestones;
    double gamma = 0.1;
};

/// ExponentialLR: times gamma at each step.
struct ExponentialSpec {
    double gamma = 0.9;
};

enum class CyclicMode { triangular, triangular2, exp_range };

/// CyclicLR: from base_lr straight up to max_lr and down again, momentum the other way. The height of a cycle
/// stays (triangular), halves from cycle to cycle (triangular2), or is multiplied by gamma at each step
/// (exp_range). The initial learning rate is not used, nor the initial momentum with cycle_momentum. Source:
/// Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.
struct CyclicSpec {
    double base_lr = 0.001;
    double max_lr = 0.1;
    int64_t step_size_up = 2000;
    std::optional<int64_t> step_size_down = {};  // step_size_up
    CyclicMode mode = CyclicMode::triangular;
    double gamma = 1.0;
    bool cycle_momentum = true;
    double base_momentum = 0.8;  // at max_lr
    double max_momentum = 0.9;   // at base_lr
};

/// CosineAnnealingLR: half a cosine wave from the initial learning rate to min_lr, and up again after that.
/// Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, without
/// restarts.
struct CosineSpec {
    std::optional<int64_t> period = {};  // T_max: steps from the top to the bottom
    double min_lr = 0.0;                 // eta_min
};

/// CosineAnnealingWarmRestarts: the same, but back to the top at once, and each period is longer than the
/// last.
struct CosineWarmRestartsSpec {
    int64_t first_period = 10;  // T_0
    int64_t period_factor = 1;  // T_mult
    double min_lr = 0.0;        // eta_min
};

enum class Metric { val_loss, val_accuracy, train_loss };
enum class ThresholdMode { relative, absolute };

/// ReduceLROnPlateau: times factor when the metric has not been better than the best so far for more than
/// `patience` epochs. mode is the metric's: a loss should fall ("min"), an accuracy should rise ("max").
struct ReduceOnPlateauSpec {
    Metric metric = Metric::val_loss;
    double factor = 0.1;
    int64_t patience = 10;
    double threshold = 1e-4;  // better by less than this is not better
    ThresholdMode threshold_mode = ThresholdMode::relative;
    int64_t cooldown = 0;  // epochs after a reduction in which nothing is counted
    double min_lr = 0.0;
    double eps = 1e-8;  // a reduction by no more than this is not made
};

enum class Anneal { cosine, linear };

/// OneCycleLR: up from max_lr / div_factor to max_lr, down to max_lr / div_factor / final_div_factor;
/// momentum the other way. With three_phase, down as long as up, and only then to the lowest. The initial
/// learning rate is not used, nor the initial momentum with cycle_momentum. PyTorch refuses more steps than
/// total_steps; here the last setting stays. Source: Smith and Topin, "Super-Convergence: Very Fast Training
/// Using Large Learning Rates", 2018.
struct OneCycleSpec {
    double max_lr = 0.1;
    std::optional<int64_t> total_steps = {};
    double pct_start = 0.3;          // share of the steps that go up
    Anneal anneal = Anneal::cosine;  // anneal_strategy
    bool cycle_momentum = true;
    double base_momentum = 0.85;  // at max_lr
    double max_momentum = 0.95;
    double div_factor = 25.0;
    double final_div_factor = 1e4;
    bool three_phase = false;
};

/// PolynomialLR: initial · (1 − step / total_steps)^power, and 0 after that.
struct PolynomialSpec {
    std::optional<int64_t> total_steps = {};  // total_iters
    double power = 1.0;
};

using KindSpec = std::variant<ConstantSpec, StepSpec, MultiStepSpec, ExponentialSpec, CyclicSpec, CosineSpec,
                              CosineWarmRestartsSpec, ReduceOnPlateauSpec, OneCycleSpec, PolynomialSpec>;

/// LinearLR before the scheduler, as SequentialLR joins them: in `length` equal steps from start_factor times
/// the scheduler's initial learning rate towards that rate. The step that would reach it is the scheduler's
/// first one.
struct Warmup {
    int64_t length = 5;  // total_iters
    double start_factor = 1.0 / 3.0;
    Per per = Per::epoch;
    std::optional<double> share = {};  // of the phase's steps, in place of `length`

    /// Its steps in a phase: at least 1.
    int64_t length_in(int64_t batches_per_epoch, int64_t epochs) const;
};

/// Steps at the scheduler's first setting, after the warm-up, before it begins to move: ConstantLR with a factor of 1 among
/// SequentialLR's. A warm-up, a hold and a fall are the schedule that is called trapezoidal, or "warmup-stable-decay".
/// Source: Hu et al., "MiniCPM", 2024, section 4.
struct Hold {
    int64_t length = 1;
    Per per = Per::batch;
    std::optional<double> share = {};  // of the phase's steps, in place of `length`

    /// Its steps in a phase: at least 1.
    int64_t length_in(int64_t batches_per_epoch, int64_t epochs) const;
};

struct SchedulerSpec {
    KindSpec kind;
    Per per = Per::epoch;
    std::optional<Warmup> warmup = {};
    std::optional<Hold> hold = {};
};

}  // namespace vitrine::optim
