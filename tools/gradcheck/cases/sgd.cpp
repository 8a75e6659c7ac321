// The SGD update over three steps, against the formula in double, with every combination of its options.

#include <fmt/format.h>

#include <memory>

#include "tools/gradcheck/cases/list.h"
#include "tools/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

constexpr int steps = 3;
constexpr double learning_rate = 0.1;

struct Options {
    std::vector<int64_t> counts;  // of the parameters
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov;
    double gradient_scale = 1;

    /// Each parameter has its own.
    double weight_decay_of(size_t parameter) const {
        return weight_decay * static_cast<double>(parameter + 1);
    }
};

std::string value_name(size_t parameter) { return fmt::format("value{}", parameter); }
std::string buffer_name(size_t parameter) { return fmt::format("momentum_buffer{}", parameter); }
std::string gradient_name(size_t parameter, int step) {
    return fmt::format("gradient{}_step{}", parameter, step);
}

std::vector<Tensor> tensors_of(const Options& o) {
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < o.counts.size(); ++i) {
        const int64_t count = o.counts[i];
        tensors.push_back({value_name(i), Role::state, count, uniform(value_name(i), count)});
        // The first step must not read the buffers: they start as poison.
        if (o.momentum != 0) tensors.push_back({buffer_name(i), Role::output, count});
        for (int step = 0; step < steps; ++step) {
            tensors.push_back(
                {gradient_name(i, step), Role::input, count, uniform(gradient_name(i, step), count)});
        }
    }
    return tensors;
}

/// The parameters of each step, kept alive for the spans in the arguments.
using Parameters = std::vector<std::vector<SgdParameter>>;

std::vector<SgdUpdate> updates(const Options& o, Parameters& parameters, DType dtype, const Bindings& b) {
    parameters.assign(steps, {});
    std::vector<SgdUpdate> calls;
    for (int step = 0; step < steps; ++step) {
        std::vector<SgdParameter>& own = parameters[static_cast<size_t>(step)];
        for (size_t i = 0; i < o.counts.size(); ++i) {
            own.push_back({o.counts[i], b[gradient_name(i, step)], b[value_name(i)],
                           b.optional(buffer_name(i)), o.weight_decay_of(i)});
        }
        calls.push_back(
            {dtype, own, learning_rate, o.momentum, o.dampening, o.nesterov, step == 0, o.gradient_scale});
    }
    return calls;
}

/// One element through all steps, as torch.optim.SGD documents it.
void step_element(const Options& o, double weight_decay, bool first, double gradient, double& value,
                  double& buffer) {
    double g = o.gradient_scale * gradient + weight_decay * value;
    if (o.momentum != 0) {
        buffer = first ? g : o.momentum * buffer + (1 - o.dampening) * g;
        g = o.nesterov ? g + o.momentum * buffer : buffer;
    }
    value -= learning_rate * g;
}

Values expected(const Options& o, const Values& inputs) {
    Values results;
    for (size_t i = 0; i < o.counts.size(); ++i) {
        std::vector<double> value = inputs.at(value_name(i)), buffer(value.size());
        for (int step = 0; step < steps; ++step) {
            const std::vector<double>& gradient = inputs.at(gradient_name(i, step));
            for (size_t k = 0; k < value.size(); ++k)
                step_element(o, o.weight_decay_of(i), step == 0, gradient[k], value[k], buffer[k]);
        }
        results[value_name(i)] = std::move(value);
        if (o.momentum != 0) results[buffer_name(i)] = std::move(buffer);
    }
    return results;
}

Problem sgd_problem(const Options& o) {
    Problem problem;
    problem.shape =
        fmt::format("{}, momentum {}, dampening {}, weight decay {}{}{}", fmt::join(o.counts, " + "),
                    o.momentum, o.dampening, o.weight_decay, o.nesterov ? ", Nesterov" : "",
                    o.gradient_scale != 1 ? fmt::format(", gradient scale {}", o.gradient_scale) : "");
    problem.tensors = tensors_of(o);
    const auto parameters = std::make_shared<Parameters>();
    problem.forward = pass(&KernelTable::sgd_update, [o, parameters](DType dtype, const Bindings& b) {
        return updates(o, *parameters, dtype, b);
    });
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
                    problems.push_back(
                        sgd_problem({{5, 1, 33, 70'001}, momentum, dampening, weight_decay, nesterov}));
                }
    problems.push_back(sgd_problem({{1}, 0.9, 0.3, 0.05, false}));
    problems.push_back(sgd_problem({{3, 2'050}, 0.9, 0.3, 0.05, false, 0.375}));
    problems.push_back(sgd_problem({{7}, 0.0, 0.0, 0.05, false, 0.375}));
    return problems;
}

std::vector<Problem> sgd_layers() {
    return {sgd_problem({{864, 32, 32, 288, 24 * 144, 144, 144, 96 * 576, 160 * 960}, 0.9, 0, 1e-4, false})};
}

}  // namespace vitrine::gradcheck
