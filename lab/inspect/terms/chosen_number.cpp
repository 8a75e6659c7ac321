// Which number of a step is asked for: see chosen_number.h.

#include "lab/inspect/terms/chosen_number.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "engine/error.h"
#include "lab/inspect/terms/ops.h"
#include "tools/common/command_line.h"

namespace vitrine::inspect {
namespace {

/// "0,5,7,12" of a tensor of this shape.
int64_t element_of(const ChosenNumber& number, const Shape& shape, const std::string& name) {
    const std::string at = number.dashes + "at";
    std::vector<std::string> parts;
    for (size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
        end = number.at.find(',', begin);
        parts.push_back(number.at.substr(begin, end == std::string::npos ? end : end - begin));
    }
    if (parts.size() != shape.rank())
        throw Error(
            fmt::format("{} {}: {} has {} axes, {}, so {} numbers with commas between them are needed", at,
                        number.at, name, shape.rank(), shape.to_string(), shape.rank()));
    std::vector<int64_t> place;
    for (size_t axis = 0; axis < parts.size(); ++axis) {
        const std::string flag =
            fmt::format("{} {}, axis {} of {} {}:", at, number.at, axis, name, shape.to_string());
        place.push_back(tools::parse_whole(flag, parts[axis], 0, shape.extents()[axis] - 1));
    }
    return element_at(shape, place);
}

int output_tensor(const CapturedStep& step, const ChosenNumber& number) {
    if (number.op == "images" && step.making) {
        if (!number.output.empty())
            throw Error(number.dashes + "output is of an op; the images are one tensor");
        return step.images;
    }
    const CapturedOp* op = step.op(number.op);
    const OpTerms* terms = op == nullptr ? nullptr : terms_of(op->op);
    if (terms == nullptr)
        throw Error(fmt::format("{}op {}: the step has no such op; 'inspect value' without --op lists them",
                                number.dashes, number.op));
    const std::vector<std::string> names(terms->outputs.begin(),
                                         terms->outputs.begin() + std::ssize(op->outputs));
    if (number.output.empty()) return op->outputs.front();
    const auto found = std::ranges::find(names, number.output);
    if (found == names.end())
        throw Error(fmt::format("{}output {}: {} leaves {}", number.dashes, number.output, number.op,
                                fmt::join(names, ", ")));
    return op->outputs[static_cast<size_t>(found - names.begin())];
}

const CapturedParameter& parameter_of(const CapturedStep& step, const ChosenNumber& number) {
    const std::string flag = fmt::format("{}parameter {}:", number.dashes, number.parameter);
    const auto found = std::ranges::find(step.parameters, number.parameter, &CapturedParameter::name);
    if (found == step.parameters.end())
        throw Error(fmt::format("{} the model has no such parameter; its first is {}", flag,
                                step.parameters.front().name));
    if (found->role == nn::Role::counter) throw Error(flag + " it counts batches, one more in each step");
    if (found->role == nn::Role::buffer && number.gradient)
        throw Error(fmt::format(
            "{} it is no trained parameter, so it has no gradient; {}update tells how the batch moved it",
            flag, number.dashes));
    return *found;
}

}  // namespace

void check(const ChosenNumber& number) {
    const std::string& dashes = number.dashes;
    const bool has_op = !number.op.empty(), has_parameter = !number.parameter.empty();
    if (has_op && has_parameter) throw Error(fmt::format("{0}op and {0}parameter: one of them", dashes));
    if (!has_op && !has_parameter) {
        if (!number.at.empty())
            throw Error(fmt::format("{0}at needs {0}op or {0}parameter: of what", dashes));
        return;
    }
    if (number.at.empty())
        throw Error(fmt::format("{0}{1} needs {0}at: which element, as in {0}at 0,5,7,12", dashes,
                                has_op ? "op" : "parameter"));
    if (has_op && number.update)
        throw Error(fmt::format("{0}update is of a {0}parameter, not of an {0}op", dashes));
    if (has_parameter && number.gradient == number.update)
        throw Error(fmt::format("{0}parameter needs one of {0}gradient and {0}update", dashes));
    if (has_parameter && !number.output.empty())
        throw Error(fmt::format("{0}output is of an {0}op, not of a {0}parameter", dashes));
}

Explanation explain(Explainer& explainer, const CapturedStep& step, const ChosenNumber& number) {
    if (!number.op.empty()) {
        const int tensor = output_tensor(step, number);
        const int64_t element =
            element_of(number, step.tensors[tensor].value.shape(), display_name(step, tensor));
        return number.gradient ? explainer.gradient(tensor, element) : explainer.value(tensor, element);
    }
    const CapturedParameter& parameter = parameter_of(step, number);
    const int64_t element = element_of(number, parameter.before.shape(), parameter.name);
    return number.gradient ? explainer.gradient(parameter.tensor, element)
                           : explainer.update(parameter, element);
}

}  // namespace vitrine::inspect
