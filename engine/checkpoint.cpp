// Saving and loading a model's state: see checkpoint.h.

#include "engine/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/error.h"

namespace vitrine {
namespace {

void check_shape(const nn::Parameter& parameter, const SafeTensor& tensor, const std::string& source) {
    const Shape& needed = parameter.layout.shape;
    if (tensor.shape != needed)
        throw Error(fmt::format("{}: tensor {} has shape {}, but the model needs {}", source, tensor.name,
                                tensor.shape.to_string(), needed.to_string()));
    if (!tensor.is_number())
        throw Error(fmt::format("{}: tensor {} has dtype {}, but F16, BF16, F32, F64, I32 or I64 is needed",
                                source, tensor.name, tensor.dtype));
}

/// A model of such values would answer with NaN, or with whatever a comparison with NaN leaves.
void check_values(const nn::Parameter& parameter, const std::string& name, std::span<const double> values,
                  const std::string& source) {
    const bool single = parameter.value.dtype() == DType::f32;
    const double highest = single ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
    for (const double value : values) {
        if (!(std::abs(value) <= highest))
            throw Error(fmt::format("{}: tensor {} holds {}, which is no finite {} number", source, name,
                                    value, name_of(parameter.value.dtype())));
        if (value < parameter.lowest)
            throw Error(fmt::format("{}: tensor {} holds {}, but cannot be below {}", source, name, value,
                                    parameter.lowest));
    }
}

/// Batch norm's counters, which PyTorch did not keep at first: 0 then.
bool may_be_missing(const nn::NamedParameter& named) { return named.parameter->role == nn::Role::counter; }

}  // namespace

SafeTensor in_torch_layout(std::string name, const Tensor& value, const nn::Parameter& parameter) {
    const std::vector<double> values = to_torch(value.to_host<double>(), parameter.layout);
    const Shape& shape = parameter.layout.shape;
    if (parameter.role == nn::Role::counter) return SafeTensor::i64(std::move(name), shape, values);
    if (value.dtype() == DType::f64) return SafeTensor::f64(std::move(name), shape, values);
    return SafeTensor::f32(std::move(name), shape, values);
}

std::vector<double> values_for(const nn::Parameter& parameter, const SafeTensor& tensor,
                               const std::string& source) {
    check_shape(parameter, tensor, source);
    const std::vector<double> values = tensor.values();
    check_values(parameter, tensor.name, values, source);
    return from_torch(values, parameter.layout);
}

SafeTensors model_state(nn::Module& model) {
    SafeTensors state;
    for (const nn::NamedParameter& named : model.state()) {
        state.tensors.push_back(in_torch_layout(named.name, named.value(), *named.parameter));
    }
    return state;
}

void check_model_state(nn::Module& model, const SafeTensors& state, const std::string& source) {
    const std::vector<nn::NamedParameter> wanted = model.state();
    for (const nn::NamedParameter& named : wanted) {
        const SafeTensor* tensor = state.find(named.name);
        if (tensor == nullptr && may_be_missing(named)) continue;
        if (tensor == nullptr)
            throw Error(fmt::format("{} has no tensor {}: is it another model?", source, named.name));
        check_shape(*named.parameter, *tensor, source);
    }
    for (const SafeTensor& tensor : state.tensors) {
        if (std::ranges::find(wanted, tensor.name, &nn::NamedParameter::name) == wanted.end())
            throw Error(fmt::format("{} has a tensor {} that the model does not know", source, tensor.name));
    }
}

void load_model_state(nn::Module& model, const SafeTensors& state, const std::string& source) {
    check_model_state(model, state, source);
    const std::vector<nn::NamedParameter> wanted = model.state();
    std::vector<std::vector<double>> values;
    for (const nn::NamedParameter& named : wanted) {
        const SafeTensor* tensor = state.find(named.name);
        values.push_back(tensor != nullptr ? values_for(*named.parameter, *tensor, source)
                                           : std::vector<double>(static_cast<size_t>(named.value().count())));
    }
    for (size_t i = 0; i < wanted.size(); ++i) {
        wanted[i].value().assign(std::span<const double>(values[i]));
        wanted[i].parameter->round();
    }
}

void save_model(const std::filesystem::path& path, nn::Module& model,
                const std::map<std::string, std::string>& metadata, Links links) {
    SafeTensors state = model_state(model);
    state.metadata = metadata;
    write_safetensors(path, state, links);
}

}  // namespace vitrine
