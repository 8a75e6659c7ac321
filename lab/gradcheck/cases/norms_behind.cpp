// Batch norms behind another kernel: see norms_behind.h. Whoever does them, the kernel or `normalize`, what comes out must be the
// reference's.
//
// Gradients are outputs here: a backward kernel is a problem's only pass, since `normalize` reads what it has left.

#include "lab/gradcheck/cases/norms_behind.h"

#include <algorithm>
#include <array>
#include <ranges>

#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

/// Larger problems say no more about what follows their sums.
constexpr int64_t most_elements = 60'000;

const Tensor* find(const Problem& problem, std::string_view name) {
    const auto found = std::ranges::find(problem.tensors, name, &Tensor::name);
    return found == problem.tensors.end() ? nullptr : &*found;
}

bool is_small(const Problem& problem) {
    int64_t elements = 0;
    for (const Tensor& tensor : problem.tensors) elements += tensor.count;
    return elements <= most_elements;
}

/// The norms that are wanted of a call, from where its tensors lie.
struct Norms {
    std::vector<NormalizeForward> forward{};
    std::vector<NormalizeBackward> backward{};

    NormsBehind behind() const {
        if (!forward.empty()) return NormsBehind(forward.front());
        NormsBehind norms;
        for (const NormalizeBackward& norm : backward) norms.want(norm);
        return norms;
    }
};
using MakeNorms = std::function<Norms(DType, const Bindings&)>;

/// The same pass, with norms behind each of its implementations.
Pass followed(const Pass& pass, const MakeNorms& make) {
    return [pass, make](const KernelTable& table) {
        BoundPass bound = pass(table);
        bound.least = {};
        for (Callable& implementation : bound.implementations) {
            implementation.run = [run = implementation.run, make](DType dtype, const Bindings& bindings,
                                                                  Context& context) {
                const Norms norms = make(accumulate_of(dtype), bindings);
                WantedNorms wanted(context, norms.behind());
                run(dtype, bindings, context);
                wanted.finish();
            };
        }
        return bound;
    };
}

void add(Problem& problem, Tensor tensor) {
    problem.half->accumulated.push_back(tensor.name);
    problem.tensors.push_back(std::move(tensor));
}

// Forward: of a problem whose outputs are `mean` and `m2`.

NormalizeForward norm_of_moments(int64_t channels, DType dtype, const Bindings& b) {
    return {.dtype = dtype,
            .training = true,
            .rows = 20,
            .channels = channels,
            .epsilon = 1e-3,
            .momentum = 0.2,
            .mean = b["mean"],
            .m2 = b["m2"],
            .weight = b["norm_weight"],
            .bias = b["norm_bias"],
            .running_mean = b["running_mean"],
            .running_variance = b["running_variance"],
            .scale = b["norm_scale"],
            .shift = b["norm_shift"],
            .rstd = b["norm_rstd"]};
}

Problem forward_problem(Problem problem) {
    const int64_t channels = find(problem, "mean")->count;
    problem.shape += ", then a norm";
    for (const char* name : {"norm_weight", "norm_bias"})
        add(problem, {name, Role::input, channels, uniform(name, channels)});
    add(problem, {"running_mean", Role::state, channels, uniform("running_mean", channels)});
    add(problem, {"running_variance", Role::state, channels, uniform("running_variance", channels, 0.5, 2)});
    for (const char* name : {"norm_scale", "norm_shift", "norm_rstd"})
        add(problem, {name, Role::output, channels});
    problem.forward = followed(problem.forward, [channels](DType dtype, const Bindings& b) {
        return Norms{.forward = {norm_of_moments(channels, dtype, b)}};
    });
    problem.backward = {};
    problem.forward_aliases.clear();
    return problem;
}

// Backward: of a problem with the parameters `NAMEscale` and `NAMEshift`, for every such NAME.

constexpr std::array operands{"", "narrow_", "a_", "b_"};
constexpr std::array norm_gradients{"norm_mean_gradient", "norm_m2_gradient", "norm_weight_gradient",
                                    "norm_bias_gradient"};

bool is_normalised(const Problem& problem, const std::string& operand) {
    const Tensor* scale = find(problem, operand + "scale");
    return scale != nullptr && scale->role == Role::parameter;
}

std::vector<std::string> normalised_operands(const Problem& problem) {
    std::vector<std::string> found;
    for (const std::string operand : operands)
        if (is_normalised(problem, operand)) found.push_back(operand);
    return found;
}

NormalizeBackward norm_of_gradients(const std::string& operand, int64_t channels, DType dtype,
                                    const Bindings& b) {
    return {.dtype = dtype,
            .rows = 20,
            .channels = channels,
            .mean = b[operand + "norm_mean"],
            .rstd = b[operand + "norm_rstd"],
            .weight = b[operand + "norm_weight"],
            .d_scale = b["d_" + operand + "scale"],
            .d_shift = b["d_" + operand + "shift"],
            .d_mean = b.gradient(operand + norm_gradients[0]),
            .d_m2 = b.gradient(operand + norm_gradients[1]),
            .d_weight = b.gradient(operand + norm_gradients[2]),
            .d_bias = b.gradient(operand + norm_gradients[3])};
}

/// What forward would have left, for a backward pass by itself. Of a scatter matrix both halves are alike.
std::vector<double> saved_values(const Tensor& tensor) {
    std::vector<double> values = uniform(tensor.name, tensor.count);
    if (tensor.name != "scatter") return values;
    size_t side = 1;
    while (side * side < values.size()) ++side;
    for (size_t i = 0; i < side; ++i)
        for (size_t j = 0; j < i; ++j) values[i * side + j] = values[j * side + i];
    return values;
}

/// Of a tensor as a pass by itself sees it: an input, its gradient beside it.
void add_as_input(std::vector<Tensor>& tensors, const Tensor& tensor) {
    Tensor input = tensor;
    input.role = Role::input;
    if (is_written(tensor.role)) input.values = saved_values(tensor);
    tensors.push_back(std::move(input));
    const std::string gradient = "d_" + tensor.name;
    if (tensor.role == Role::loss)
        tensors.push_back({gradient, Role::input, tensor.count, uniform(gradient, tensor.count)});
    if (tensor.role == Role::parameter) tensors.push_back({gradient, Role::output, tensor.count});
}

Problem backward_problem(const Problem& whole) {
    Problem problem;
    problem.shape = whole.shape + ", backward, then norms";
    problem.half = whole.half;
    for (const Tensor& tensor : whole.tensors) add_as_input(problem.tensors, tensor);
    std::vector<std::pair<std::string, int64_t>> norms;
    for (const std::string& operand : normalised_operands(whole)) {
        const int64_t channels = find(whole, operand + "scale")->count;
        norms.emplace_back(operand, channels);
        for (const char* name : {"norm_mean", "norm_rstd", "norm_weight"})
            add(problem, {operand + name, Role::input, channels, away_from_zero(operand + name, channels)});
        for (const char* name : norm_gradients) add(problem, {operand + name, Role::output, channels});
    }
    problem.forward = followed(whole.backward, [norms](DType dtype, const Bindings& b) {
        Norms all;
        for (const auto& [operand, channels] : norms)
            all.backward.push_back(norm_of_gradients(operand, channels, dtype, b));
        return all;
    });
    return problem;
}

}  // namespace

std::vector<Problem> with_norms_behind(const std::vector<Problem>& problems) {
    std::vector<Problem> all = problems;
    for (const Problem& problem : problems | std::views::filter(is_small)) {
        if (find(problem, "m2") != nullptr) all.push_back(forward_problem(problem));
        if (problem.backward && !normalised_operands(problem).empty())
            all.push_back(backward_problem(problem));
    }
    return all;
}

}  // namespace vitrine::gradcheck
