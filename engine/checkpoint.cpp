// Saving and loading a model's state: see checkpoint.h.

#include "engine/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"

namespace vitrine {

SafeTensor in_torch_layout(std::string name, const Tensor& value, const nn::Parameter& parameter) {
    const std::vector<double> values = to_torch(value.to_host<double>(), parameter.layout);
    const Shape& shape = parameter.layout.shape;
    if (parameter.role == nn::Role::counter) return SafeTensor::i64(std::move(name), shape, values);
    if (value.dtype() == DType::f64) return SafeTensor::f64(std::move(name), shape, values);
    return SafeTensor::f32(std::move(name), shape, values);
}

std::vector<double> values_for(const nn::Parameter& parameter, const SafeTensor& tensor,
                               const std::string& source) {
    const nn::TorchLayout& layout = parameter.layout;
    if (tensor.shape != layout.shape) {
        throw Error(fmt::format("{}: tensor {} has shape {}, but the model needs {}", source, tensor.name,
                                tensor.shape.to_string(), layout.shape.to_string()));
    }
    return from_torch(tensor.values(), layout);
}

SafeTensors model_state(nn::Module& model) {
    SafeTensors state;
    for (const nn::NamedParameter& named : model.state()) {
        state.tensors.push_back(in_torch_layout(named.name, named.value(), *named.parameter));
    }
    return state;
}

void load_model_state(nn::Module& model, const SafeTensors& state, const std::string& source) {
    const std::vector<nn::NamedParameter> wanted = model.state();
    std::vector<std::vector<double>> values;
    for (const nn::NamedParameter& named : wanted) {
        const SafeTensor* tensor = state.find(named.name);
        if (tensor == nullptr)
            throw Error(fmt::format("{} has no tensor {}: is it another model?", source, named.name));
        values.push_back(values_for(*named.parameter, *tensor, source));
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
