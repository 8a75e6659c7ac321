// What the page's script is given: see step_page.h.

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "engine/escape.h"
#include "lab/inspect/step_page/as_read.h"
#include "lab/inspect/step_page/explanations.h"
#include "lab/inspect/step_page/op_notes.h"
#include "lab/inspect/step_page/sources.h"
#include "lab/inspect/step_page/step_page.h"
#include "lab/inspect/step_page/tensor_view.h"
#include "lab/inspect/step_page/troubles.h"
#include "lab/inspect/terms/ops.h"
#include "tools/common/base64.h"
#include "tools/common/html_page.h"

namespace vitrine::inspect {
namespace {

using Json = nlohmann::ordered_json;

// Cells of all large pictures together, which the page's size follows from: some 12 MB, and less for a small model.
constexpr double most_cells = 9e6;
constexpr double share_of_elements = 0.5;
constexpr int64_t large = 4096;  // elements
constexpr int64_t least_of_one = 4096, most_of_one = 32768;

/// Null where it is not finite, which JSON cannot say.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const Axis& axis) { return Json::array({axis.extent, axis.stride, axis.shown, axis.axis}); }

Json to_json(const TensorView& view) {
    Json pins = Json::array(), exact = Json::array();
    for (const Pin& pin : view.pins) pins.push_back({pin.index, number(pin.value), pin.why});
    for (const double value : view.exact) exact.push_back(number(value));
    const auto& [image, channel, row, column] = view.layout;
    Json json{
        {"bytes", view.bytes},
        {"mean", view.mean},
        {"deviation", view.deviation},
        {"low", view.low},
        {"high", view.high},
        {"norm", view.norm},
        {"zeros", view.zeros},
        {"sixes", view.sixes},
        {"not_finite", view.not_finite},
        {"histogram", view.histogram},
        {"layout", Json::array({to_json(image), to_json(channel), to_json(row), to_json(column)})},
        {"shown_low", view.shown_low},
        {"shown_high", view.shown_high},
        {"picture", tools::base64({reinterpret_cast<const char*>(view.picture.data()), view.picture.size()})},
        {"pins", std::move(pins)}};
    if (!exact.empty()) json["exact"] = std::move(exact);
    return json;
}

Json to_json(const CapturedPass& pass) {
    return {{"seconds", pass.seconds},
            {"kernels", pass.kernels},
            {"flops", pass.cost.flops},
            {"read", pass.cost.bytes_read},
            {"written", pass.cost.bytes_written}};
}

/// "stride 2, padding 1", in words for people.
std::string options_text(const CapturedOp& op) {
    const OpOptions& options = op.options;
    const auto size = [](Size2 each) {
        return each.height == each.width ? std::to_string(each.height)
                                         : std::to_string(each.height) + "×" + std::to_string(each.width);
    };
    if (const auto* conv = std::get_if<TracedConv>(&options)) {
        std::string text =
            "stride " + size(conv->options.stride) + ", padding " + size(conv->options.padding);
        if (conv->options.groups != 1) text += ", " + std::to_string(conv->options.groups) + " groups";
        if (conv->prologue != Activation::identity)
            text += std::string(", ") + name_of(conv->prologue) + " as it reads";
        return text;
    }
    if (const auto* activation = std::get_if<Activation>(&options)) {
        if (op.op != "global_average_pool") return name_of(*activation);
        return *activation == Activation::identity ? "" : std::string(name_of(*activation)) + " as it reads";
    }
    if (const auto* dropout = std::get_if<TracedDropout>(&options))
        return fmt::format("probability {:g}", dropout->probability);
    if (const auto* loss = std::get_if<TracedLoss>(&options))
        return fmt::format("label smoothing {:g}", loss->label_smoothing);
    if (const auto* pool = std::get_if<ops::PoolOptions>(&options))
        return "window " + size(pool->kernel) + ", stride " + size(pool->stride) + ", padding " +
               size(pool->padding);
    if (const auto* norm = std::get_if<ops::BatchNormOptions>(&options))
        return norm->training ? "of the batch's own mean and variance" : "of the running mean and variance";
    return "";
}

Json saved_json(const CapturedStep& step, const CapturedOp& op) {
    Json list = Json::array();
    for (const Saved& saved : note_of(op.op).saved(step, op))
        list.push_back({{"what", saved.what}, {"tensor", saved.tensor}, {"bytes", saved.bytes}});
    return list;
}

Json ops_json(const CapturedStep& step) {
    Json all = Json::array();
    size_t readings = step.tensors.size();  // behind the step's own tensors: see add_readings
    for (const CapturedOp& op : step.ops) {
        Json json{{"name", op.name},
                  {"op", op.op},
                  {"module", op.module},
                  {"inputs", op.inputs},
                  {"outputs", op.outputs},
                  {"options", options_text(op)},
                  {"forward", to_json(op.forward)}};
        const OpTerms* terms = terms_of(op.op);
        json["output_names"] = terms == nullptr ? std::vector<std::string>{} : terms->outputs;
        json["backward"] = op.ran_backward ? to_json(op.backward) : Json(nullptr);
        json["saved"] = op.ran_backward ? saved_json(step, op) : Json::array();
        if (reads_pending(op)) json["reads"] = readings++;
        all.push_back(std::move(json));
    }
    return all;
}

int64_t cells_of_one(const CapturedStep& step) {
    double elements = 0.0;
    int64_t pictures = 0;
    for (const CapturedTensor& tensor : step.tensors) {
        for (const Tensor* each : {&tensor.value, &tensor.gradient}) {
            if (!each->defined() || each->count() < large) continue;
            elements += static_cast<double>(each->count());
            ++pictures;
        }
    }
    for (const CapturedOp& op : step.ops) {
        if (!reads_pending(op)) continue;
        elements += static_cast<double>(step.tensors[static_cast<size_t>(op.inputs[0])].value.count());
        ++pictures;
    }
    const double all = std::min(most_cells, share_of_elements * elements);
    return std::clamp(static_cast<int64_t>(all / static_cast<double>(std::max<int64_t>(pictures, 1))),
                      least_of_one, most_of_one);
}

// In a file, larger tensors' elements have their commands only: to tell the terms of one takes the whole tensor in f64.
constexpr int64_t explained = 1'500'000;

/// A view, and why its pinned elements are what they are.
Json view_json(const CapturedStep& step, int index, bool gradient, int64_t cells, TermsFrom terms) {
    const CapturedTensor& tensor = step.tensors[static_cast<size_t>(index)];
    const Tensor& shown = gradient ? tensor.gradient : tensor.value;
    if (!shown.defined()) return nullptr;
    const TensorView view = view_of(shown, tensor.is_parameter, cells);
    Json json = to_json(view);
    if (terms == TermsFrom::page && shown.count() <= explained)
        json["why"] = explanations_of(step, index, gradient, view.pins);
    return json;
}

/// What each op reads that no memory ever held, in the order of the ops.
void add_readings(const CapturedStep& step, int64_t cells, Json& tensors) {
    for (const CapturedOp& op : step.ops) {
        if (!reads_pending(op)) continue;
        const Tensor read = as_read(step, op);
        Json view = to_json(view_of(read, false, cells));
        view["why"] = nullptr;
        tensors.push_back({{"name", formula_of_reading(op)},
                           {"shape", read.shape().extents()},
                           {"dtype", name_of(read.dtype())},
                           {"producer", none},
                           {"readers", Json::array()},
                           {"parameter", false},
                           {"never_written", name_of(activation_of_reading(op))},
                           {"value", std::move(view)},
                           {"gradient", nullptr}});
    }
}

Json tensors_json(const CapturedStep& step, int64_t cells, TermsFrom terms) {
    Json all = Json::array();
    for (int i = 0; i < static_cast<int>(step.tensors.size()); ++i) {
        const CapturedTensor& tensor = step.tensors[static_cast<size_t>(i)];
        const int64_t wanted = tensor.name == "images" ? std::max<int64_t>(4 * cells, most_of_one) : cells;
        all.push_back({{"name", tensor.name},
                       {"shape", tensor.value.shape().extents()},
                       {"dtype", name_of(tensor.value.dtype())},
                       {"producer", tensor.producer},
                       {"readers", tensor.readers},
                       {"parameter", tensor.is_parameter},
                       {"value", view_json(step, i, false, wanted, terms)},
                       {"gradient", view_json(step, i, true, cells, terms)}});
    }
    add_readings(step, cells, all);
    return all;
}

/// Norm, extremes and a histogram.
Json short_json(const std::vector<double>& values) {
    const Tensor tensor = Tensor::from_host(std::span<const double>(values), {std::ssize(values)},
                                            {DType::f64, Device::reference});
    const TensorView view = view_of(tensor, true, 1);
    return {
        {"norm", number(view.norm)}, {"low", view.low}, {"high", view.high}, {"histogram", view.histogram}};
}

Json short_json(const Tensor& tensor) {
    return tensor.defined() ? short_json(tensor.to_host<double>()) : Json(nullptr);
}

Json parameters_json(const CapturedStep& step) {
    Json all = Json::array();
    for (const CapturedParameter& parameter : step.parameters) {
        std::vector<double> update = parameter.after.to_host<double>();
        const std::vector<double> before = parameter.before.to_host<double>();
        double decay = 0.0;
        for (size_t i = 0; i < update.size(); ++i) {
            update[i] -= before[i];
            decay += before[i] * before[i];
        }
        const double strength = parameter.decays ? step.optimiser.weight_decay : 0.0;
        all.push_back({{"name", parameter.name},
                       {"shape", parameter.before.shape().extents()},
                       {"trained", parameter.role == nn::Role::trained},
                       {"tensor", parameter.tensor},
                       {"rate_factor", parameter.rate_factor},
                       {"value", short_json(before)},
                       {"gradient", short_json(parameter.gradient)},
                       {"momentum", short_json(parameter.momentum_after)},
                       {"decay", strength * std::sqrt(decay)},
                       {"update", short_json(update)}});
    }
    return all;
}

Json notes_json(const CapturedStep& step) {
    Json notes = Json::object();
    Json sources = Json::object();
    std::set<std::string> kinds;
    for (const CapturedOp& op : step.ops) kinds.insert(op.op);
    for (const std::string& kind : kinds) {
        const OpNote& note = note_of(kind);
        notes[kind] = {{"forward", note.forward},     {"backward", note.backward}, {"fusion", note.fusion},
                       {"reference", note.reference}, {"cpu", note.cpu},           {"cuda", note.cuda}};
        for (const std::string_view path : note.reference) sources[std::string(path)] = source_of(path);
    }
    return {{"ops", std::move(notes)}, {"sources", std::move(sources)}};
}

}  // namespace

nlohmann::ordered_json page_data(const CapturedStep& step, const PreparedStep& prepared,
                                 const std::string& value_command, TermsFrom terms) {
    Json troubles = Json::array();
    for (const Trouble& trouble : troubles_of(step))
        troubles.push_back({{"op", trouble.op}, {"kind", trouble.kind}, {"sentence", trouble.sentence}});
    const Tensor& images = prepared.input.images;
    return {{"model", prepared.model_name},
            {"file", escape(prepared.file)},
            {"images", escape(prepared.images)},
            {"training", prepared.training},
            {"classes", prepared.classes},
            {"labels", prepared.input.labels.to_host<int32_t>()},
            {"mixed", prepared.input.labels_b.defined()},
            {"step", prepared.step},
            {"fused", step.fused},
            {"dtype", name_of(images.dtype())},
            {"device", name_of(images.device())},
            {"command", value_command},
            {"served", terms == TermsFrom::server},
            {"loss", number(step.result.loss)},
            {"right", step.result.top1},
            {"gradient_norm", number(step.update_result.norm)},
            {"learning_rate", step.update.learning_rate},
            {"momentum", step.update.momentum.value_or(step.optimiser.momentum)},
            {"weight_decay", step.optimiser.weight_decay},
            {"label_smoothing", step.label_smoothing},
            {"troubles", std::move(troubles)},
            {"ops", ops_json(step)},
            {"tensors", tensors_json(step, cells_of_one(step), terms)},
            {"parameters", parameters_json(step)},
            {"notes", notes_json(step)}};
}

std::string step_html(const CapturedStep& step, const PreparedStep& prepared,
                      const std::string& value_command, TermsFrom terms) {
    return tools::page_with_data(
        page,
        page_data(step, prepared, value_command, terms).dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace vitrine::inspect
