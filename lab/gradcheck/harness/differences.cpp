// Gradients by central differences: see differences.h.

#include "lab/gradcheck/harness/differences.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

/// Where a whole gradient is smaller than this it is compared in absolute terms: rounding in the outputs,
/// divided by 2h, is about 1e-12.
constexpr double smallest_scale = 1e-5;

std::vector<int64_t> sampled_indices(int64_t count, int64_t samples) {
    std::vector<int64_t> indices;
    if (count <= samples) {
        indices.resize(static_cast<size_t>(count));
        std::iota(indices.begin(), indices.end(), int64_t{0});
        return indices;
    }
    indices = {0, count - 1};
    const std::vector<double> draws = uniform("sampled elements", samples, 0, static_cast<double>(count));
    for (const double draw : draws) indices.push_back(static_cast<int64_t>(draw));
    std::ranges::sort(indices);
    indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
    return indices;
}

class Differencer {
  public:
    Differencer(Launch& forward, const Callable& implementation, const Problem& problem,
                const Values& upstream)
        : forward_(forward), implementation_(implementation), problem_(problem), upstream_(upstream) {}

    double along(const std::string& parameter, const std::vector<double>& at,
                 const std::vector<double>& direction) {
        const double step = problem_.step;
        std::vector<double> plus = at, minus = at;
        for (size_t i = 0; i < at.size(); ++i) {
            plus[i] += step * direction[i];
            minus[i] -= step * direction[i];
        }
        forward_.set_values(parameter, std::move(plus));
        const Values above = outputs();
        forward_.set_values(parameter, std::move(minus));
        const Values below = outputs();
        forward_.set_values(parameter, at);
        return quotient(above, below, 2 * step);
    }

    double element(const std::string& parameter, int64_t index, double at) {
        const double plus = at + problem_.step, minus = at - problem_.step;
        forward_.set_value(parameter, index, plus);
        const Values above = outputs();
        forward_.set_value(parameter, index, minus);
        const Values below = outputs();
        forward_.set_value(parameter, index, at);
        return quotient(above, below, plus - minus);
    }

  private:
    Values outputs() {
        forward_.run(implementation_);
        Values values;
        for (const Tensor& tensor : problem_.tensors) {
            if (tensor.role == Role::loss) values[tensor.name] = forward_.values(tensor.name);
        }
        return values;
    }

    double quotient(const Values& above, const Values& below, double width) const {
        double sum = 0;
        for (const auto& [name, high] : above) {
            const std::vector<double>& low = below.at(name);
            const std::vector<double>& weight = upstream_.at("d_" + name);
            for (size_t i = 0; i < high.size(); ++i) sum += weight[i] * (high[i] - low[i]);
        }
        return sum / width;
    }

    Launch& forward_;
    const Callable& implementation_;
    const Problem& problem_;
    const Values& upstream_;
};

}  // namespace

std::vector<NumericGradient> numeric_gradients(Launch& forward, const Callable& implementation,
                                               const Problem& problem, int64_t samples, const Values& inputs,
                                               const Values& upstream) {
    Differencer differencer(forward, implementation, problem, upstream);
    std::vector<NumericGradient> gradients;
    for (const Tensor& tensor : problem.tensors) {
        if (tensor.role != Role::parameter) continue;
        const std::vector<double>& at = inputs.at(tensor.name);
        NumericGradient gradient{tensor.name, {}, uniform("direction of " + tensor.name, tensor.count), 0};
        for (const int64_t index : sampled_indices(tensor.count, samples)) {
            gradient.samples.push_back(
                {index, differencer.element(tensor.name, index, at[static_cast<size_t>(index)])});
        }
        for (double& component : gradient.direction) component = component < 0 ? -1 : 1;
        gradient.along_direction = differencer.along(tensor.name, at, gradient.direction);
        gradients.push_back(std::move(gradient));
    }
    return gradients;
}

DifferenceError worst_difference(const std::vector<NumericGradient>& numeric, const Values& analytic) {
    DifferenceError worst;
    worst.error = -1;
    const auto consider = [&](const std::string& tensor, int64_t index, double actual, double expected,
                              double scale) {
        const double error = relative_error(actual, expected, std::max(scale, smallest_scale));
        if (error > worst.error) worst = {error, tensor, {index, actual, expected}};
    };
    for (const NumericGradient& gradient : numeric) {
        const std::string name = "d_" + gradient.parameter;
        const std::vector<double>& values = analytic.at(name);
        const double scale = root_mean_square(values);
        for (const auto& [index, value] : gradient.samples) {
            consider(name, index, values[static_cast<size_t>(index)], value, scale);
        }
        const double along =
            std::inner_product(values.begin(), values.end(), gradient.direction.begin(), 0.0);
        consider(name, -1, along, gradient.along_direction,
                 scale * std::sqrt(static_cast<double>(values.size())));
    }
    worst.error = std::max(worst.error, 0.0);
    return worst;
}

}  // namespace vitrine::gradcheck
