// Why any number of a captured step is what it is: see explainer.h.

#include "lab/inspect/terms/explainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "engine/error.h"
#include "lab/inspect/terms/ops.h"
#include "lab/inspect/terms/update.h"

namespace vitrine::inspect {
namespace {

/// Which of the op's outputs the tensor is.
size_t output_of(const CapturedOp& op, int tensor) {
    return static_cast<size_t>(std::ranges::find(op.outputs, tensor) - op.outputs.begin());
}

const OpTerms* terms_of_producer(const CapturedStep& step, int tensor) {
    const int producer = step.tensors.at(tensor).producer;
    return producer == none ? nullptr : terms_of(step.ops[producer].op);
}

/// What a reader sends back, through each of its inputs that is this tensor.
void write_contribution(OpView& view, int tensor, int64_t element, TermWriter& writer) {
    const OpTerms* terms = terms_of(view.op().op);
    if (terms == nullptr || !view.op().ran_backward) return;
    for (size_t k = 0; k < view.op().inputs.size(); ++k) {
        if (view.op().inputs[k] == tensor) terms->backward(view, k, element, writer);
    }
}

/// Which statistic of a batch norm a buffer is, by PyTorch's names.
std::optional<Statistic> statistic_of(const std::string& parameter) {
    if (parameter.ends_with(".running_mean")) return Statistic::mean;
    if (parameter.ends_with(".running_var")) return Statistic::variance;
    return std::nullopt;
}

}  // namespace

std::string display_name(const CapturedStep& step, int tensor) {
    const CapturedTensor& captured = step.tensors.at(tensor);
    const OpTerms* terms = terms_of_producer(step, tensor);
    if (terms == nullptr) return captured.name;
    const size_t k = output_of(step.ops[captured.producer], tensor);
    return terms->outputs.size() == 1 || k == 0 ? captured.name
                                                : fmt::format("{} ({})", captured.name, terms->outputs[k]);
}

bool has_terms(const CapturedStep& step, int tensor) {
    return step.is_known_batch(tensor) || terms_of_producer(step, tensor) != nullptr;
}

bool has_gradient_terms(const CapturedStep& step, int tensor) {
    const CapturedTensor& captured = step.tensors.at(tensor);
    return captured.gradient.defined() && (captured.producer == none || has_terms(step, tensor));
}

Explainer::Explainer(const CapturedStep& step, size_t kept) : values_(step), kept_(kept) {
    if (step.making) batch_.emplace(*step.making);
}

Explanation Explainer::finished(Explanation explanation, std::string what, DType dtype, double stored) const {
    explanation.what = std::move(what);
    explanation.dtype = dtype;
    explanation.stored = stored;
    return explanation;
}

Explanation Explainer::value(int tensor, int64_t element) {
    const CapturedStep& step = values_.step();
    const OpTerms* terms = terms_of_producer(step, tensor);
    const CapturedTensor& captured = step.tensors.at(tensor);
    TermWriter writer(kept_);
    if (step.is_known_batch(tensor)) {
        batch_->write(element, writer);
    } else if (terms != nullptr) {
        const CapturedOp& op = step.ops[captured.producer];
        terms->forward(OpView(values_, op), output_of(op, tensor), element, writer);
    } else {
        throw Error(fmt::format("{} has no terms: no op with arithmetic of its own left it", captured.name));
    }
    return finished(writer.finish(),
                    named(display_name(step, tensor) + " at ", captured.value.shape(), element),
                    captured.value.dtype(), values_.value(tensor)[element]);
}

Explanation Explainer::gradient(int tensor, int64_t element) {
    const CapturedStep& step = values_.step();
    const CapturedTensor& captured = step.tensors.at(tensor);
    if (!captured.gradient.defined())
        throw Error(fmt::format("{} has no gradient: none was wanted, or none came back",
                                display_name(step, tensor)));
    TermWriter writer(kept_);
    const std::set<int> readers(captured.readers.begin(), captured.readers.end());
    for (const int reader : readers) {
        const CapturedOp& op = step.ops[reader];
        writer.set_through(op.name);
        OpView view(values_, op);
        write_contribution(view, tensor, element, writer);
    }
    const bool is_loss =
        captured.producer != none && step.ops[captured.producer].op == "softmax_cross_entropy";
    if (is_loss) {
        writer.formula("d_loss = 1: the loss itself");
        writer.add(1.0, "the loss", {{"1", 1.0, ""}});
    }
    return finished(
        writer.finish(),
        named("gradient of " + display_name(step, tensor) + " at ", captured.value.shape(), element),
        captured.gradient.dtype(), values_.gradient(tensor)[element]);
}

bool Explainer::write_running_update(const CapturedParameter& parameter, int64_t element,
                                     TermWriter& writer) {
    const auto which = statistic_of(parameter.name);
    const std::string module = parameter.name.substr(0, parameter.name.rfind('.'));
    const auto op = std::ranges::find_if(values_.step().ops, [&](const CapturedOp& each) {
        const OpTerms* terms = terms_of(each.op);
        return each.module == module && terms != nullptr && terms->running != nullptr;
    });
    if (!which || op == values_.step().ops.end()) return false;
    const double before = parameter.before.part(element, {1}).item();
    if (std::get<ops::BatchNormOptions>(op->options).training) {
        terms_of(op->op)->running(OpView(values_, *op), *which, element, before, writer);
    } else {
        writer.formula("after = before: this batch norm stays in evaluation mode");
        writer.add(before, "before", {{"value", before, ""}});
    }
    return true;
}

Explanation Explainer::update(const CapturedParameter& parameter, int64_t element) {
    TermWriter writer(kept_);
    if (parameter.role != nn::Role::buffer || !write_running_update(parameter, element, writer)) {
        if (!parameter.gradient.defined())
            throw Error(fmt::format("{} was not updated: it has no gradient", parameter.name));
        write_update(values_.step(), parameter, element, writer);
    }
    return finished(writer.finish(),
                    named(parameter.name + " after the update at ", parameter.after.shape(), element),
                    parameter.after.dtype(), parameter.after.part(element, {1}).item());
}

}  // namespace vitrine::inspect
