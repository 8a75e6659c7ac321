// The tensors of a checkpoint: see run_state.h.

#include "tools/train/run_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "engine/checkpoint.h"
#include "engine/error.h"
#include "engine/parse_json.h"

namespace vitrine::train {
namespace {

constexpr std::string_view model_prefix = "model.";

/// The model's tensors under its own names.
SafeTensors model_part(const SafeTensors& file) {
    SafeTensors part;
    for (const SafeTensor& tensor : file.tensors) {
        if (!tensor.name.starts_with(model_prefix)) continue;
        part.tensors.push_back(tensor);
        part.tensors.back().name.erase(0, model_prefix.size());
    }
    return part;
}

void append(SafeTensors& all, SafeTensors part) {
    for (SafeTensor& tensor : part.tensors) all.tensors.push_back(std::move(tensor));
}

const std::string& text_of(const SafeTensors& checkpoint, const char* key) {
    const auto found = checkpoint.metadata.find(key);
    if (found == checkpoint.metadata.end())
        throw Error(fmt::format("its metadata have no {}: another version of this program wrote it", key));
    return found->second;
}

}  // namespace

SafeTensors state_of(const LiveState& live) {
    SafeTensors all = model_state(live.model);
    for (SafeTensor& tensor : all.tensors) tensor.name.insert(0, model_prefix);
    append(all, live.optimiser.state());
    if (live.ema != nullptr) append(all, live.ema->state());
    const std::vector<double> scheduler = live.scheduler.state();
    all.tensors.push_back(SafeTensor::f64("scheduler", {static_cast<int64_t>(scheduler.size())}, scheduler));
    return all;
}

void restore(const SafeTensors& checkpoint, const LiveState& live, const std::string& source) {
    load_model_state(live.model, model_part(checkpoint), source);
    live.optimiser.load_state(checkpoint, source);
    if (live.ema == nullptr) return;
    if (checkpoint.find("ema_updates") != nullptr)
        live.ema->load_state(checkpoint, source);
    else
        live.ema->restart();
}

void restore_scheduler(const SafeTensors& checkpoint, const LiveState& live, const std::string& source) {
    constexpr double rounding = 1e-6;  // another machine's cosine may differ in the last bits
    const std::vector<double> saved = checkpoint.at("scheduler").values();
    const std::vector<double> own = live.scheduler.state();
    const auto close = [](double a, double b) {
        return std::isfinite(a) && std::abs(a - b) <= rounding * std::max(std::abs(a), std::abs(b)) + 1e-12;
    };
    if (!std::ranges::equal(saved, own, close))
        throw Error(fmt::format("{}: its learning-rate scheduler is not where the recipe has it", source));
    live.scheduler.set_state(saved);
}

void put_progress(SafeTensors& checkpoint, const Progress& progress, const std::string& recipe) {
    checkpoint.metadata["progress"] = to_json(progress).dump();
    checkpoint.metadata["recipe"] = recipe;
}

Progress progress_in(const SafeTensors& checkpoint) {
    const std::string& text = text_of(checkpoint, "progress");
    Json json;
    try {
        json = parse_json<Json>(text, {.bytes = 1 << 20});
    } catch (const Error& error) {
        throw Error(fmt::format("what it says of its progress {}", error.what()));
    }
    return progress_from_json(json);
}

std::string recipe_in(const SafeTensors& checkpoint) { return text_of(checkpoint, "recipe"); }

}  // namespace vitrine::train
