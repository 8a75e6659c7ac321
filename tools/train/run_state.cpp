// The tensors of a checkpoint: see run_state.h.

#include "tools/train/run_state.h"

#include <nlohmann/json.hpp>

#include <string_view>
#include <utility>

#include "engine/checkpoint.h"
#include "engine/error.h"

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
    if (live.ema != nullptr) live.ema->load_state(checkpoint, source);
    live.scheduler.set_state(checkpoint.at("scheduler").values());
}

void put_progress(SafeTensors& checkpoint, const Progress& progress) {
    checkpoint.metadata["progress"] = to_json(progress).dump();
}

Progress progress_in(const SafeTensors& checkpoint) {
    try {
        return progress_from_json(Json::parse(checkpoint.metadata.at("progress")));
    } catch (const std::exception& error) {
        throw Error(std::string("the checkpoint's counters cannot be read: ") + error.what());
    }
}

}  // namespace vitrine::train
