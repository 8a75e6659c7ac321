// Schedules that do not do what was probably meant: see schedule_warnings in schedule_plan.h.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/escape.h"
#include "tools/common/units.h"
#include "tools/recipe/describe_scheduler.h"
#include "tools/recipe/schedule_plan.h"
#include "tools/recipe/unused_fields.h"

namespace vitrine::tools {
namespace {

using namespace optim;

/// A phase with what the sentences need of it.
struct Subject {
    explicit Subject(const PlannedPhase& each)
        : phase(each),
          per(each.spec.per),
          steps(steps_of_scheduler(each.spec, each.batches_per_epoch, each.epochs)),
          label(fmt::format("{}, stepped per {},", name_of(each.spec.kind), name_of(each.spec.per))) {}

    std::string count(int64_t number) const { return counted(number, per); }
    template <class Spec>
    const Spec* is() const {
        return std::get_if<Spec>(&phase.spec.kind);
    }
    /// A rate, in four digits.
    static std::string text(double rate) { return fmt::format("{:.4g}", rate); }

    const PlannedPhase& phase;
    Per per;
    int64_t steps;  // of the scheduler, after the warm-up and the hold
    std::string label;
};

using Sentence = std::optional<std::string>;

int64_t warmup_batches(const PlannedPhase& phase) {
    return batches_of_warmup(phase.spec, phase.batches_per_epoch, phase.epochs);
}

/// How many updates there are up to the last of the first `count` settings, that one included.
int64_t updates_up_to(const PlannedPhase& phase, std::ptrdiff_t count) {
    return count == 0 ? 0 : phase.update_of(static_cast<size_t>(count) - 1) + 1;
}

/// "15 batches"
std::string length_of(const PlannedPhase& phase, Per per) {
    return counted(per == Per::epoch ? phase.epochs : phase.epochs * phase.batches_per_epoch, per);
}

Sentence endless_warmup(const Subject& subject) {
    const PlannedPhase& phase = subject.phase;
    if (warmup_batches(phase) < phase.updates()) return {};
    const Warmup& warmup = *phase.spec.warmup;
    return fmt::format("the warm-up of {} takes the whole phase of {}: {} never begins",
                       counted(warmup.length_in(phase.batches_per_epoch, phase.epochs), warmup.per),
                       length_of(phase, warmup.per), name_of(phase.spec.kind));
}

Sentence endless_hold(const Subject& subject) {
    const PlannedPhase& phase = subject.phase;
    if (batches_before_scheduler(phase.spec, phase.batches_per_epoch, phase.epochs) < phase.updates())
        return {};
    const Hold& hold = *phase.spec.hold;
    return fmt::format("the hold of {}{} takes the rest of the phase of {}: {} never begins",
                       counted(hold.length_in(phase.batches_per_epoch, phase.epochs), hold.per),
                       phase.spec.warmup ? " after the warm-up" : "", length_of(phase, hold.per),
                       name_of(phase.spec.kind));
}

/// A rate that is at its floor for good long before the end: within 1% of the floor, or of the highest rate
/// where the floor is lower than that.
Sentence early_floor(const Subject& subject) {
    constexpr double early = 0.25;  // of what the warm-up leaves
    const auto& settings = subject.phase.settings;
    const int64_t warmup = warmup_batches(subject.phase), size = subject.phase.updates();
    const auto first = settings.begin() + static_cast<std::ptrdiff_t>(subject.phase.first_from(warmup));
    const auto by_rate = [](const Hyperparameters& a, const Hyperparameters& b) {
        return a.learning_rate < b.learning_rate;
    };
    const auto [lowest, highest] = std::minmax_element(first, settings.end(), by_rate);
    const double floor = lowest->learning_rate, top = highest->learning_rate;
    const bool low_floor = floor < 0.01 * top;
    const double bound = low_floor ? 0.01 * top : 1.01 * floor;
    const auto last_above =
        std::ranges::find_if(settings.rbegin(), settings.rend(),
                             [&](const Hyperparameters& each) { return each.learning_rate > bound; });
    const int64_t batches = updates_up_to(subject.phase, settings.rend() - last_above);
    const double share = static_cast<double>(batches - warmup) / static_cast<double>(size - warmup);
    if (share <= 0.0 || share > early) return {};
    const std::string where =
        low_floor ? fmt::format("has fallen below 1% of its highest rate, {},", Subject::text(top))
                  : fmt::format("is within 1% of its floor {}", Subject::text(floor));
    const std::string advice =
        subject.per == Per::batch ? "; did you mean per = \"epoch\"?" : ": little is learnt after that";
    return fmt::format("{} {} after batch {} of {}{}", subject.label, where, grouped(batches), grouped(size),
                       advice);
}

Sentence rising_cosine(const Subject& subject) {
    const auto* cosine = subject.is<CosineSpec>();
    if (cosine == nullptr || !cosine->period || subject.steps <= *cosine->period + 1) return {};
    const bool other_clock = subject.per == Per::batch && *cosine->period <= 2 * subject.phase.epochs;
    return fmt::format("{} has a period of {} and rises again after that, for the phase has {}; {}",
                       subject.label, grouped(*cosine->period), subject.count(subject.steps),
                       other_clock ? "did you mean per = \"epoch\"?"
                                   : "leave period out to end at the bottom, or choose cosine_warm_restarts");
}

/// A descent that the phase's end cuts off.
Sentence cut_off(const Subject& subject) {
    std::optional<int64_t> length;
    std::string_view key = "total_steps";
    if (const auto* one_cycle = subject.is<OneCycleSpec>()) length = one_cycle->total_steps;
    if (const auto* polynomial = subject.is<PolynomialSpec>()) length = polynomial->total_steps;
    if (const auto* cosine = subject.is<CosineSpec>()) {
        length = cosine->period;
        key = "period";
    }
    if (!length || *length <= subject.steps) return {};
    const bool other_clock = subject.per == Per::epoch && *length > subject.phase.epochs * 2;
    return fmt::format("{} has a {} of {}, but the phase ends after {}, at {}{}",
                       name_of(subject.phase.spec.kind), key, subject.count(*length),
                       subject.count(subject.steps),
                       Subject::text(subject.phase.settings.back().learning_rate),
                       other_clock ? "; did you mean per = \"batch\"?" : "");
}

/// A polynomial is at 0 from its end on, and a phase may go on.
Sentence nothing_learnt(const Subject& subject) {
    const auto& settings = subject.phase.settings;
    const auto last =
        std::ranges::find_if(settings.rbegin(), settings.rend(),
                             [](const Hyperparameters& each) { return each.learning_rate > 0.0; });
    const int64_t batches = updates_up_to(subject.phase, settings.rend() - last);
    if (subject.phase.updates() - batches <= subject.phase.batches_per_epoch) return {};
    return fmt::format("{} is at a learning rate of 0 after batch {} of {}: nothing is learnt from there on",
                       subject.label, grouped(batches), grouped(subject.phase.updates()));
}

/// A lowest rate that is not low.
Sentence upside_down(const Subject& subject) {
    double lowest = 0.0;
    if (const auto* cosine = subject.is<CosineSpec>()) lowest = cosine->min_lr;
    if (const auto* restarts = subject.is<CosineWarmRestartsSpec>()) lowest = restarts->min_lr;
    if (const auto* plateau = subject.is<ReduceOnPlateauSpec>()) lowest = plateau->min_lr;
    const double rate = subject.phase.initial.learning_rate;
    if (lowest <= rate) return {};
    return fmt::format("{} has a min_lr of {}, which is above the learning rate {} that it begins with",
                       name_of(subject.phase.spec.kind), Subject::text(lowest), Subject::text(rate));
}

Sentence boundless(const Subject& subject) {
    const auto& settings = subject.phase.settings;
    const auto first = std::ranges::find_if(
        settings, [](const Hyperparameters& each) { return !std::isfinite(each.learning_rate); });
    if (first == settings.end()) return {};
    return fmt::format("{} grows beyond all numbers by batch {}", subject.label,
                       grouped(updates_up_to(subject.phase, first - settings.begin() + 1)));
}

Sentence idle(const Subject& subject) {
    if (subject.is<ConstantSpec>() || subject.is<ReduceOnPlateauSpec>()) return {};
    const auto& settings = subject.phase.settings;
    const size_t warmup = subject.phase.first_from(warmup_batches(subject.phase));
    const auto first = settings.begin() + static_cast<std::ptrdiff_t>(warmup);
    const bool changes = std::any_of(first, settings.end(), [&](const Hyperparameters& each) {
        return each.learning_rate != first->learning_rate;
    });
    if (changes || first == settings.end()) return {};
    return fmt::format("{} changes nothing within the phase's {}", subject.label,
                       subject.count(subject.steps));
}

/// The first metric is the best so far; patience + 1 worse ones follow, and the epoch after them is the first
/// to feel it.
Sentence patient_beyond_the_end(const Subject& subject) {
    const auto* plateau = subject.is<ReduceOnPlateauSpec>();
    if (plateau == nullptr || plateau->patience + 3 <= subject.steps) return {};
    return fmt::format(
        "reduce_on_plateau with a patience of {} can change the rate after {} epochs at the earliest, and "
        "the phase "
        "has {}: it will stay",
        plateau->patience, plateau->patience + 2, subject.steps);
}

std::vector<std::string> warnings_of(const PlannedPhase& phase) {
    const Subject subject(phase);
    std::vector<std::string> sentences = unused_fields(phase);
    // After one of these the others would say the same again.
    for (const auto check : {endless_warmup, endless_hold, early_floor}) {
        const Sentence sentence = check(subject);
        if (!sentence) continue;
        sentences.push_back(*sentence);
        return sentences;
    }
    for (const auto check :
         {upside_down, boundless, nothing_learnt, rising_cosine, cut_off, idle, patient_beyond_the_end}) {
        if (const Sentence sentence = check(subject)) sentences.push_back(*sentence);
    }
    return sentences;
}

}  // namespace

std::vector<std::string> schedule_warnings(const std::vector<PlannedPhase>& phases) {
    std::vector<std::string> all;
    for (const PlannedPhase& phase : phases) {
        for (const std::string& sentence : warnings_of(phase))
            all.push_back(phases.size() > 1 ? fmt::format("phase {}: {}", escape(phase.name), sentence)
                                            : sentence);
    }
    return all;
}

}  // namespace vitrine::tools
