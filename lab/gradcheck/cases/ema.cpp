// The moving average of parameters over three updates, against the formula in double.

#include <fmt/format.h>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

constexpr int updates = 3;

/// An UpdateDecision of these: what concerns the update alone, then the Lerp. The second one is left out.
std::vector<double> decision_of(int update, double decay) {
    const Lerp lerp(decay);
    return {update == 1 ? 0.0 : 1.0, -9, lerp.weight, lerp.from_value ? 1.0 : 0.0};
}

std::string decision_name(int update) { return fmt::format("decision_update{}", update); }
std::string value_name(int update) { return fmt::format("value_update{}", update); }

std::vector<EmaUpdate> calls(int64_t count, double decay, DType dtype, const Bindings& b) {
    std::vector<EmaUpdate> result;
    for (int update = 0; update < updates; ++update)
        result.push_back(
            {dtype, count, b[value_name(update)], b["average"], decay, b.optional(decision_name(update))});
    return result;
}

Values expected(double decay, bool decided, const Values& inputs) {
    std::vector<double> average = inputs.at("average");
    for (int update = 0; update < updates; ++update) {
        if (decided && update == 1) continue;
        const std::vector<double>& value = inputs.at(value_name(update));
        for (size_t i = 0; i < average.size(); ++i) average[i] = decay * average[i] + (1 - decay) * value[i];
    }
    return {{"average", std::move(average)}};
}

/// `decided`: on the device, which then has the decay.
Problem ema_problem(int64_t count, double decay, bool decided = false) {
    Problem problem;
    problem.shape = fmt::format("{}, decay {}{}", count, decay, decided ? ", decided on the device" : "");
    problem.tensors.push_back({"average", Role::state, count, uniform("average", count)});
    for (int update = 0; update < updates; ++update) {
        const std::string name = value_name(update);
        problem.tensors.push_back({name, Role::input, count, uniform(name, count)});
        if (decided)
            problem.tensors.push_back({decision_name(update), Role::input, 4, decision_of(update, decay)});
    }
    problem.forward = pass(&KernelTable::ema_update,
                           [count, decay = decided ? 0.0 : decay](DType dtype, const Bindings& b) {
                               return calls(count, decay, dtype, b);
                           });
    problem.expected = [decay, decided](const Values& inputs) { return expected(decay, decided, inputs); };
    return problem;
}

}  // namespace

std::vector<Problem> ema_problems() {
    std::vector<Problem> problems;
    for (const double decay : {0.0, 0.1, 0.5, 0.999, 1.0}) problems.push_back(ema_problem(70'001, decay));
    for (const double decay : {0.3, 0.9}) problems.push_back(ema_problem(2'051, decay, true));
    for (const int64_t count : {1, 5, 4096, 4097}) problems.push_back(ema_problem(count, 0.9));
    return problems;
}

std::vector<Problem> ema_layers() { return {ema_problem(220'000, 0.999)}; }

}  // namespace vitrine::gradcheck
