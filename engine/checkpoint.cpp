// Saving and loading a model's state: see checkpoint.h.

#include "engine/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"

namespace vitrine {
namespace {

SafeTensor to_file(const nn::NamedParameter& named) {
    const nn::Parameter& parameter = *named.parameter;
    const std::vector<double> values = to_torch(parameter.value.to_host<double>(), parameter.layout);
    if (parameter.role == nn::Role::counter)
        return SafeTensor::i64(named.name, parameter.layout.shape, values);
    if (parameter.value.dtype() == DType::f64)
        return SafeTensor::f64(named.name, parameter.layout.shape, values);
    return SafeTensor::f32(named.name, parameter.layout.shape, values);
}

}  // namespace

SafeTensors model_state(nn::Module& model) {
    SafeTensors state;
    for (const nn::NamedParameter& named : model.state()) state.tensors.push_back(to_file(named));
    return state;
}

void load_model_state(nn::Module& model, const SafeTensors& state, const std::string& source) {
    const std::vector<nn::NamedParameter> wanted = model.state();
    std::vector<std::vector<double>> values;
    for (const nn::NamedParameter& named : wanted) {
        const SafeTensor* tensor = state.find(named.name);
        if (tensor == nullptr)
            throw Error(fmt::format("{} has no tensor {}: is it another model?", source, named.name));
        const nn::TorchLayout& layout = named.parameter->layout;
        if (tensor->shape != layout.shape) {
            throw Error(fmt::format("{}: tensor {} has shape {}, but the model needs {}", source, named.name,
                                    tensor->shape.to_string(), layout.shape.to_string()));
        }
        values.push_back(from_torch(tensor->values(), layout));
    }
    if (state.tensors.size() != wanted.size()) {
        for (const SafeTensor& tensor : state.tensors) {
            if (std::ranges::none_of(wanted, [&](const auto& named) { return named.name == tensor.name; })) {
                throw Error(
                    fmt::format("{} has a tensor {} that the model does not know", source, tensor.name));
            }
        }
    }
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i].value().assign(std::span<const double>(values[i]));
}

void save_model(const std::filesystem::path& path, nn::Module& model,
                const std::map<std::string, std::string>& metadata) {
    SafeTensors state = model_state(model);
    state.metadata = metadata;
    write_safetensors(path, state);
}

}  // namespace vitrine
