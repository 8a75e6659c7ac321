// Whether to follow the gradients, and how far: three decisions one after the other, against the rules told once more.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lab/gradcheck/cases/list.h"

namespace vitrine::gradcheck {
namespace {

constexpr int decisions = 3;

struct Options {
    std::string what;
    std::vector<double> norms;  // of the three; none: not known
    double scale = 1, clip = 0, skip = 0, decay = 0;
    double healthy = 1;
    double loss_scale = 0;  // 0: the loss is not scaled
    double in_turn = 0;     // updates since it was changed
};

std::string name_of(const char* name, int i) { return fmt::format("{}{}", name, i); }

Values expected(const Options& o) {
    double usual = 0, updates = 0, scale_of_loss = o.loss_scale, in_turn = o.in_turn;
    Values results;
    for (int i = 0; i < decisions; ++i) {
        const bool known = !o.norms.empty();
        const double scale = o.loss_scale == 0 ? o.scale : o.scale / scale_of_loss;
        const double norm = known ? scale * o.norms[static_cast<size_t>(i)] : 0;
        const bool guarded = o.clip > 0 || o.skip > 0 || o.loss_scale > 0;
        bool follows = o.healthy == 1;
        if (guarded && !std::isfinite(norm)) follows = false;
        if (o.skip > 0 && usual > 0 && norm > o.skip * usual) follows = false;
        const double clipped = o.clip > 0 ? std::min(1.0, o.clip / (norm + 1e-6)) : 1;
        const double decay = updates == 0 ? 0 : std::min(o.decay, (1 + updates) / (10 + updates));
        const bool from_value = decay <= 0.5;
        results[name_of("decision", i)] = {follows ? 1.0 : 0.0, scale * clipped,
                                           from_value ? -decay : 1 - decay, from_value ? 1.0 : 0.0};
        results[name_of("record", i)] = {norm, follows ? 1.0 : 0.0};
        if (guarded && std::isfinite(norm)) usual = usual > 0 ? 0.98 * usual + 0.02 * norm : norm;
        updates += follows;
        if (o.loss_scale == 0) continue;
        in_turn = std::isfinite(norm) ? in_turn + 1 : 0;
        if (!std::isfinite(norm)) scale_of_loss = std::max(scale_of_loss / 2, std::ldexp(1.0, -14));
        if (in_turn < 2000) continue;
        scale_of_loss = std::min(scale_of_loss * 2, std::ldexp(1.0, 24));
        in_turn = 0;
    }
    results["state"] = {o.healthy, usual, updates, scale_of_loss, in_turn};
    return results;
}

std::vector<DecideUpdate> calls(const Options& o, DType dtype, const Bindings& b) {
    std::vector<DecideUpdate> all;
    for (int i = 0; i < decisions; ++i) {
        all.push_back({.dtype = dtype,
                       .norm = b.optional(name_of("norm", i)),
                       .gradient_scale = o.scale,
                       .clip_norm = o.clip,
                       .skip_outliers = o.skip,
                       .average_decay = o.decay,
                       .scales_loss = o.loss_scale > 0,
                       .record = b[name_of("record", i)],
                       .state = b["state"],
                       .decision = b[name_of("decision", i)]});
    }
    return all;
}

Problem decide_problem(const Options& o) {
    Problem problem;
    problem.shape = o.what;
    problem.tensors.push_back({"state", Role::state, 5, {o.healthy, 0, 0, o.loss_scale, o.in_turn}});
    for (int i = 0; i < decisions; ++i) {
        if (!o.norms.empty())
            problem.tensors.push_back(
                {name_of("norm", i), Role::input, 1, {o.norms[static_cast<size_t>(i)]}});
        problem.tensors.push_back({name_of("record", i), Role::output, 2});
        problem.tensors.push_back({name_of("decision", i), Role::output, 4});
    }
    problem.forward =
        pass(&KernelTable::decide_update, [o](DType dtype, const Bindings& b) { return calls(o, dtype, b); });
    problem.expected = [o](const Values&) { return expected(o); };
    problem.differences = false;
    return problem;
}

}  // namespace

std::vector<Problem> decide_problems() {
    const double infinity = std::numeric_limits<double>::infinity();
    const std::vector<Options> all{
        {"nothing known", {}},
        {"a scale", {}, 0.25},
        {"norms that nothing depends on", {3, infinity, 5}, 0.5},
        {"clipping", {0.5, 3, 1}, 0.5, 0.75},
        {"clipping, a norm that is not finite", {2, infinity, 4}, 1, 1},
        {"outliers", {2, 7, 2.5}, 0.5, 0, 3},
        {"outliers and clipping", {2, 3, 50}, 1, 1, 4},
        {"an average", {1, 2, 3}, 1, 0, 0, 0.999},
        {"an average of a short memory", {}, 1, 0, 0, 0.1},
        {"a step that is not healthy", {1, 2, 3}, 1, 1, 2, 0.9, 0},
        {"a scaled loss", {64, 128, 32}, 0.5, 0, 0, 0.9, 1, 1024, 7},
        {"a scaled loss whose gradients overflow", {64, infinity, 32}, 0.5, 1, 0, 0.9, 1, 1024, 1998},
        {"a scaled loss after many updates", {64, 128, 32}, 1, 0, 3, 0.9, 1, 1024, 1998},
        {"a loss scaled as much as it can be", {64, 128, 32}, 1, 0, 0, 0.9, 1, 0x1p+24, 1999},
        {"a loss scaled as little as it can be", {infinity, 1, 2}, 1, 0, 0, 0.9, 1, 0x1p-14, 3},
    };
    std::vector<Problem> problems;
    for (const Options& options : all) problems.push_back(decide_problem(options));
    return problems;
}

std::vector<Problem> decide_layers() { return {decide_problem({"clipping", {0.5, 3, 1}, 0.5, 0.75})}; }

}  // namespace vitrine::gradcheck
