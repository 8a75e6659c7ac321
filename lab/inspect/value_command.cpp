// inspect value: why a number is what it is.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/error.h"
#include "lab/inspect/commands.h"
#include "lab/inspect/source/step_source.h"
#include "lab/inspect/terms/explainer.h"
#include "lab/inspect/terms/ops.h"
#include "tools/common/command_line.h"

namespace vitrine::inspect {
namespace {

struct ValueOptions {
    StepSource source;
    std::string op, output, parameter, at;
    bool gradient = false, update = false;
    size_t terms = 24;
};

/// Every op with its outputs.
void list_ops(const CapturedStep& step) {
    size_t width = 0;
    for (const CapturedOp& op : step.ops) width = std::max(width, op.name.size());
    if (step.making)
        std::cout << fmt::format("{:<{}}  {:<21}  x {}\n", "images", width, "(the batch)",
                                 step.tensors[step.images].value.shape().to_string());
    for (const CapturedOp& op : step.ops) {
        const OpTerms* terms = terms_of(op.op);
        if (terms == nullptr) continue;
        std::string outputs;
        for (size_t k = 0; k < op.outputs.size(); ++k)
            outputs += fmt::format("  {} {}", terms->outputs[k],
                                   step.tensors[op.outputs[k]].value.shape().to_string());
        std::cout << fmt::format("{:<{}}  {:<21}{}\n", op.name, width, op.op, outputs);
    }
}

/// "0,5,7,12" of a tensor of this shape.
int64_t element_of(const std::string& at, const Shape& shape, const std::string& name) {
    std::vector<std::string> parts;
    for (size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
        end = at.find(',', begin);
        parts.push_back(at.substr(begin, end == std::string::npos ? end : end - begin));
    }
    if (parts.size() != shape.rank())
        throw Error(
            fmt::format("--at {}: {} has {} axes, {}, so {} numbers with commas between them are needed", at,
                        name, shape.rank(), shape.to_string(), shape.rank()));
    std::vector<int64_t> place;
    for (size_t axis = 0; axis < parts.size(); ++axis) {
        const std::string flag = fmt::format("--at {}, axis {} of {} {}:", at, axis, name, shape.to_string());
        place.push_back(tools::parse_whole(flag, parts[axis], 0, shape.extents()[axis] - 1));
    }
    return element_at(shape, place);
}

int output_tensor(const CapturedStep& step, const ValueOptions& options) {
    if (options.op == "images" && step.making) {
        if (!options.output.empty()) throw Error("--output is of an op; the images are one tensor");
        return step.images;
    }
    const CapturedOp* op = step.op(options.op);
    const OpTerms* terms = op == nullptr ? nullptr : terms_of(op->op);
    if (terms == nullptr)
        throw Error(fmt::format("--op {}: the step has no such op; 'inspect value' without --op lists them",
                                options.op));
    const std::vector<std::string> names(terms->outputs.begin(),
                                         terms->outputs.begin() + std::ssize(op->outputs));
    if (options.output.empty()) return op->outputs.front();
    const auto found = std::ranges::find(names, options.output);
    if (found == names.end())
        throw Error(
            fmt::format("--output {}: {} leaves {}", options.output, options.op, fmt::join(names, ", ")));
    return op->outputs[static_cast<size_t>(found - names.begin())];
}

const CapturedParameter& parameter_of(const CapturedStep& step, const std::string& name, bool gradient) {
    const auto found = std::ranges::find(step.parameters, name, &CapturedParameter::name);
    if (found == step.parameters.end())
        throw Error(fmt::format("--parameter {}: the model has no such parameter; its first is {}", name,
                                step.parameters.front().name));
    if (found->role == nn::Role::counter)
        throw Error(fmt::format("--parameter {}: it counts batches, one more in each step", name));
    if (found->role == nn::Role::buffer && gradient)
        throw Error(
            fmt::format("--parameter {}: it is no trained parameter, so it has no gradient; --update tells "
                        "how the batch moved it",
                        name));
    return *found;
}

Explanation explain(const CapturedStep& step, const ValueOptions& options) {
    Explainer explainer(step, options.terms);
    if (!options.op.empty()) {
        const int tensor = output_tensor(step, options);
        const int64_t element =
            element_of(options.at, step.tensors[tensor].value.shape(), display_name(step, tensor));
        return options.gradient ? explainer.gradient(tensor, element) : explainer.value(tensor, element);
    }
    const CapturedParameter& parameter = parameter_of(step, options.parameter, options.gradient);
    const int64_t element = element_of(options.at, parameter.before.shape(), parameter.name);
    return options.gradient ? explainer.gradient(parameter.tensor, element)
                            : explainer.update(parameter, element);
}

/// What does not go together, before anything runs.
void check(const ValueOptions& options) {
    const bool has_op = !options.op.empty(), has_parameter = !options.parameter.empty();
    if (has_op && has_parameter) throw Error("--op and --parameter: one of them");
    if (!has_op && !has_parameter) {
        if (!options.at.empty()) throw Error("--at needs --op or --parameter: of what");
        return;
    }
    if (options.at.empty())
        throw Error(fmt::format("{} needs --at: which element, as in --at 0,5,7,12",
                                has_op ? "--op" : "--parameter"));
    if (has_op && options.update) throw Error("--update is of a --parameter, not of an --op");
    if (has_parameter && options.gradient == options.update)
        throw Error("--parameter needs one of --gradient and --update");
    if (has_parameter && !options.output.empty()) throw Error("--output is of an --op, not of a --parameter");
}

int run(const ValueOptions& options) {
    check(options);
    const PreparedStep prepared = prepare(options.source);
    const CapturedStep step = capture_step(*prepared.model, prepared.input, prepared.settings);
    if (options.op.empty() && options.parameter.empty()) {
        list_ops(step);
    } else {
        std::cout << to_text(explain(step, options));
    }
    return 0;
}

}  // namespace

Command add_value(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "value",
        "Why a number of a training step is what it is; without --op and --parameter, which ops there are");
    auto options = std::make_shared<ValueOptions>();
    command->option_defaults()->group("The number");
    command->add_option("--op", options->op, "An element of what this op left; images: of the batch");
    command->add_option("--output", options->output,
                        "Which of its outputs, where it has several [the first]");
    command->add_option("--parameter", options->parameter, "An element of this parameter");
    command->add_option("--at", options->at, "Which element: its place along each axis, 0,5,7,12");
    command->add_flag("--gradient", options->gradient, "Its gradient");
    command->add_flag("--update", options->update, "The parameter's value after the update");
    tools::add_whole(
        *command, "--terms", 1, 1'000'000,
        [options](int64_t count) { options->terms = static_cast<size_t>(count); },
        "Print the largest of them, so many [24]");
    add_step_source(*command, options->source);
    return {command, [options] { return run(*options); }};
}

}  // namespace vitrine::inspect
