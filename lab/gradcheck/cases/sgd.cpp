// The SGD update over three steps, against the formula in double, with every combination of its options.

#include <fmt/format.h>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

constexpr int steps = 3;
constexpr double learning_rate = 0.1;

struct Options {
    int64_t count;
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov;
    double gradient_scale = 1;
    bool decided = false;  // by the device: the second step is left out, the others have a scale of their own
    bool rounded = false;  // the values come out once more, in the type under test
};

/// An UpdateDecision: follows, gradient_scale, and what concerns the average alone.
std::vector<double> decision_of(int step) { return {step == 1 ? 0.0 : 1.0, step == 0 ? 0.5 : 0.25, -9, -9}; }

std::string gradient_name(int step) { return fmt::format("gradient_step{}", step); }
std::string decision_name(int step) { return fmt::format("decision_step{}", step); }

std::vector<Tensor> tensors_of(const Options& o) {
    std::vector<Tensor> tensors{{"value", Role::state, o.count, uniform("value", o.count)}};
    // The first step must not read the buffer: it starts as poison.
    if (o.momentum != 0) tensors.push_back({"momentum_buffer", Role::output, o.count});
    if (o.rounded) tensors.push_back({"rounded", Role::output, o.count});
    for (int step = 0; step < steps; ++step) {
        const std::string name = gradient_name(step);
        tensors.push_back({name, Role::input, o.count, uniform(name, o.count)});
        if (o.decided) tensors.push_back({decision_name(step), Role::input, 4, decision_of(step)});
    }
    return tensors;
}

/// What is f32 beside a 16-bit type.
std::vector<std::string> all_but_rounded() {
    std::vector<std::string> names{"value", "momentum_buffer"};
    for (int step = 0; step < steps; ++step) {
        names.push_back(gradient_name(step));
        names.push_back(decision_name(step));
    }
    return names;
}

std::vector<SgdUpdate> updates(const Options& o, DType dtype, const Bindings& b) {
    std::vector<SgdUpdate> calls;
    for (int step = 0; step < steps; ++step) {
        calls.push_back({.dtype = accumulate_of(dtype),
                         .count = o.count,
                         .gradient = b[gradient_name(step)],
                         .value = b["value"],
                         .momentum_buffer = b.optional("momentum_buffer"),
                         .learning_rate = learning_rate,
                         .weight_decay = o.weight_decay,
                         .momentum = o.momentum,
                         .dampening = o.dampening,
                         .nesterov = o.nesterov,
                         .first_step = step == 0,
                         .gradient_scale = o.gradient_scale,
                         .decision = b.optional(decision_name(step)),
                         .rounded = b.optional("rounded"),
                         .rounded_dtype = dtype});
    }
    return calls;
}

/// One element through a step, as torch.optim.SGD documents it.
void step_element(const Options& o, double scale, bool first, double gradient, double& value,
                  double& buffer) {
    double g = scale * gradient + o.weight_decay * value;
    if (o.momentum != 0) {
        buffer = first ? g : o.momentum * buffer + (1 - o.dampening) * g;
        g = o.nesterov ? g + o.momentum * buffer : buffer;
    }
    value -= learning_rate * g;
}

Values expected(const Options& o, const Values& inputs) {
    std::vector<double> value = inputs.at("value"), buffer(value.size());
    for (int step = 0; step < steps; ++step) {
        if (o.decided && decision_of(step)[0] == 0) continue;
        const double scale = o.decided ? decision_of(step)[1] : o.gradient_scale;
        const std::vector<double>& gradient = inputs.at(gradient_name(step));
        for (size_t i = 0; i < value.size(); ++i)
            step_element(o, scale, step == 0, gradient[i], value[i], buffer[i]);
    }
    Values results;
    if (o.rounded) results["rounded"] = value;
    results["value"] = std::move(value);
    if (o.momentum != 0) results["momentum_buffer"] = std::move(buffer);
    return results;
}

Problem sgd_problem(const Options& o) {
    Problem problem;
    problem.shape =
        fmt::format("{}, momentum {}, dampening {}, weight decay {}{}{}", o.count, o.momentum, o.dampening,
                    o.weight_decay, o.nesterov ? ", Nesterov" : "",
                    o.gradient_scale != 1 ? fmt::format(", gradient scale {}", o.gradient_scale) : "");
    if (o.decided) problem.shape += ", decided on the device";
    if (o.rounded) {
        problem.shape += ", rounded";
        problem.half = HalfTypes{all_but_rounded()};
    }
    problem.tensors = tensors_of(o);
    problem.forward =
        pass(&KernelTable::sgd_update, [o](DType dtype, const Bindings& b) { return updates(o, dtype, b); });
    problem.expected = [o](const Values& inputs) { return expected(o, inputs); };
    return problem;
}

}  // namespace

std::vector<Problem> sgd_problems() {
    std::vector<Problem> problems;
    for (const double momentum : {0.0, 0.9})
        for (const double dampening : {0.0, 0.3})
            for (const double weight_decay : {0.0, 0.05})
                for (const bool nesterov : {false, true}) {
                    // Nesterov's momentum needs a momentum and no dampening, and dampening a momentum.
                    if (nesterov && (momentum == 0 || dampening != 0)) continue;
                    if (dampening != 0 && momentum == 0) continue;
                    problems.push_back(sgd_problem({70'001, momentum, dampening, weight_decay, nesterov}));
                }
    for (const int64_t count : {1, 5, 33}) problems.push_back(sgd_problem({count, 0.9, 0.3, 0.05, false}));
    problems.push_back(sgd_problem({2'051, 0.9, 0.3, 0.05, false, 0.375}));
    problems.push_back(sgd_problem({7, 0.0, 0.0, 0.05, false, 0.375}));
    problems.push_back(sgd_problem({2'051, 0.9, 0.0, 0.05, true, 1, true}));
    problems.push_back(sgd_problem({33, 0.0, 0.0, 0.05, false, 1, true}));
    for (const int64_t count : {1, 33, 2'052, 70'001, 4'099, 8})
        problems.push_back(sgd_problem({count, 0.9, 0.0, 0.05, true, 1, count == 33, true}));
    return problems;
}

std::vector<Problem> sgd_layers() { return {sgd_problem({220'000, 0.9, 0, 1e-4, false})}; }

}  // namespace vitrine::gradcheck
