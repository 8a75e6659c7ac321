// The moving average of parameters over three updates, against the formula in double.

#include <fmt/format.h>

#include <memory>

#include "tools/gradcheck/cases/list.h"
#include "tools/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

constexpr size_t updates = 3;

std::string average_name(size_t parameter) { return fmt::format("average{}", parameter); }
std::string value_name(size_t parameter, size_t update) {
    return fmt::format("value{}_update{}", parameter, update);
}

/// The parameters of each update, kept alive for the spans in the arguments.
using Parameters = std::vector<std::vector<EmaParameter>>;

std::vector<EmaUpdate> calls(const std::vector<int64_t>& counts, double decay, Parameters& parameters,
                             DType dtype, const Bindings& b) {
    parameters.assign(updates, {});
    std::vector<EmaUpdate> result;
    for (size_t update = 0; update < updates; ++update) {
        for (size_t i = 0; i < counts.size(); ++i) {
            parameters[update].push_back({counts[i], b[value_name(i, update)], b[average_name(i)]});
        }
        result.push_back({dtype, parameters[update], decay});
    }
    return result;
}

Values expected(const std::vector<int64_t>& counts, double decay, const Values& inputs) {
    Values results;
    for (size_t i = 0; i < counts.size(); ++i) {
        std::vector<double> average = inputs.at(average_name(i));
        for (size_t update = 0; update < updates; ++update) {
            const std::vector<double>& value = inputs.at(value_name(i, update));
            for (size_t k = 0; k < average.size(); ++k)
                average[k] = decay * average[k] + (1 - decay) * value[k];
        }
        results[average_name(i)] = std::move(average);
    }
    return results;
}

Problem ema_problem(const std::vector<int64_t>& counts, double decay) {
    Problem problem;
    problem.shape = fmt::format("{}, decay {}", fmt::join(counts, " + "), decay);
    for (size_t i = 0; i < counts.size(); ++i) {
        problem.tensors.push_back(
            {average_name(i), Role::state, counts[i], uniform(average_name(i), counts[i])});
        for (size_t update = 0; update < updates; ++update) {
            const std::string name = value_name(i, update);
            problem.tensors.push_back({name, Role::input, counts[i], uniform(name, counts[i])});
        }
    }
    const auto parameters = std::make_shared<Parameters>();
    problem.forward =
        pass(&KernelTable::ema_update, [counts, decay, parameters](DType dtype, const Bindings& b) {
            return calls(counts, decay, *parameters, dtype, b);
        });
    problem.expected = [counts, decay](const Values& inputs) { return expected(counts, decay, inputs); };
    return problem;
}

}  // namespace

std::vector<Problem> ema_problems() {
    std::vector<Problem> problems;
    for (const double decay : {0.0, 0.1, 0.5, 0.999, 1.0}) {
        problems.push_back(ema_problem({5, 1, 33, 70'001}, decay));
    }
    problems.push_back(ema_problem({1}, 0.9));
    problems.push_back(ema_problem({4096, 4097, 3}, 0.9));
    return problems;
}

std::vector<Problem> ema_layers() {
    return {ema_problem({864, 32, 32, 288, 24 * 144, 144, 144, 96 * 576, 160 * 960}, 0.999)};
}

}  // namespace vitrine::gradcheck
