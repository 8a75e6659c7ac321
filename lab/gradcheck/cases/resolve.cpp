// What a pending normalisation stands for, with every kind of residual.

#include <fmt/format.h>

#include <utility>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

enum class Residual { none, plain, affine };

struct Options {
    int64_t rows;
    int64_t channels;
    bool scale = true;  // of a
    Residual residual = Residual::none;
    Activation activation = Activation::identity;
};

/// An operand beside u: its values, and what it adds to u.
std::vector<double> draw_residual(const Options& o, std::vector<Tensor>& tensors) {
    const int64_t count = o.rows * o.channels;
    if (o.residual == Residual::none) return std::vector<double>(static_cast<size_t>(count));
    std::vector<double> added = uniform("b", count, -2, 2);
    tensors.push_back({"b", Role::parameter, count, added});
    if (o.residual == Residual::plain) return added;
    const std::vector<double> scale = away_from_zero("b_scale", o.channels);
    const std::vector<double> shift = uniform("b_shift", o.channels);
    tensors.push_back({"b_scale", Role::parameter, o.channels, scale});
    tensors.push_back({"b_shift", Role::parameter, o.channels, shift});
    for (size_t i = 0; i < added.size(); ++i) {
        const size_t c = i % scale.size();
        added[i] = scale[c] * added[i] + shift[c];
    }
    return added;
}

/// Draws u off the kinks first, and a from it.
std::vector<Tensor> tensors_of(const Options& o) {
    const int64_t count = o.rows * o.channels;
    std::vector<Tensor> tensors;
    const std::vector<double> residual = draw_residual(o, tensors);
    std::vector<double> a = off_kinks(o.activation, "u", count);
    for (size_t i = 0; i < a.size(); ++i) a[i] -= residual[i];
    if (o.scale) {
        const std::vector<double> scale = away_from_zero("a_scale", o.channels);
        const std::vector<double> shift = uniform("a_shift", o.channels);
        for (size_t i = 0; i < a.size(); ++i) {
            const size_t c = i % scale.size();
            a[i] = (a[i] - shift[c]) / scale[c];
        }
        tensors.push_back({"a_scale", Role::parameter, o.channels, scale});
        tensors.push_back({"a_shift", Role::parameter, o.channels, shift});
    }
    tensors.push_back({"a", Role::parameter, count, std::move(a)});
    tensors.push_back({"z", Role::loss, count});
    return tensors;
}

Affine affine_of(const Bindings& b, const std::string& name) {
    return {b.optional(name), b.optional(name + "_scale"), b.optional(name + "_shift")};
}

AffineGradient gradient_of(const Bindings& b, const std::string& name) {
    return {b.gradient("d_" + name), b.gradient("d_" + name + "_scale"), b.gradient("d_" + name + "_shift")};
}

ResolveForward forward_args(const Options& o, DType dtype, const Bindings& b) {
    return {.dtype = dtype,
            .activation = o.activation,
            .rows = o.rows,
            .channels = o.channels,
            .a = affine_of(b, "a"),
            .b = affine_of(b, "b"),
            .z = b["z"]};
}

ResolveBackward backward_args(const Options& o, DType dtype, const Bindings& b) {
    return {.dtype = dtype,
            .activation = o.activation,
            .rows = o.rows,
            .channels = o.channels,
            .a = affine_of(b, "a"),
            .b = affine_of(b, "b"),
            .z = o.activation == Activation::identity ? nullptr : b["z"],
            .d_z = b["d_z"],
            .d_a = gradient_of(b, "a"),
            .d_b = gradient_of(b, "b")};
}

Problem resolve_problem(const Options& o) {
    constexpr const char* residuals[] = {"", ", residual", ", residual normalised"};
    Problem problem;
    problem.shape = fmt::format("{} rows x {}{}, {}{}", o.rows, o.channels, o.scale ? ", normalised" : "",
                                name_of(o.activation), residuals[static_cast<int>(o.residual)]);
    problem.tensors = tensors_of(o);
    problem.half = HalfTypes{{"a_scale", "a_shift", "b_scale", "b_shift"}};
    problem.forward = pass(&KernelTable::resolve_forward,
                           [o](DType dtype, const Bindings& b) { return forward_args(o, dtype, b); });
    problem.backward = pass(&KernelTable::resolve_backward,
                            [o](DType dtype, const Bindings& b) { return backward_args(o, dtype, b); });
    problem.forward_aliases = {{"z", "a"}};
    problem.backward_aliases = {{"d_a", "d_z"}};
    return problem;
}

}  // namespace

std::vector<Problem> resolve_problems() {
    using enum Residual;
    const std::vector<std::pair<int64_t, int64_t>> shapes{{1, 1},   {7, 3},    {20, 17},
                                                          {49, 24}, {300, 64}, {5, 320}};
    std::vector<Problem> problems;
    for (const Activation activation : {Activation::identity, Activation::relu, Activation::relu6}) {
        for (const Residual residual : {none, plain, affine}) {
            for (const bool scale : {true, false}) {
                const auto [rows, channels] = shapes[problems.size() % shapes.size()];
                problems.push_back(resolve_problem({rows, channels, scale, residual, activation}));
            }
        }
    }
    for (const Residual residual : {none, plain, affine}) {
        problems.push_back(resolve_problem({2000, 96, true, residual, Activation::relu6}));
        problems.push_back(resolve_problem({257, 33, true, residual, Activation::identity}));
    }
    return problems;
}

std::vector<Problem> resolve_layers() {
    return {resolve_problem({56 * 56, 24, true, Residual::plain}),
            resolve_problem({56 * 56, 64, true, Residual::plain, Activation::relu}),
            resolve_problem({28 * 28, 128, true, Residual::affine, Activation::relu}),
            resolve_problem({7 * 7, 1280, true, Residual::none, Activation::relu6})};
}

}  // namespace vitrine::gradcheck
