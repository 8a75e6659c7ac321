// Saving and loading a model's state as safetensors with PyTorch's names and layouts, so that each can read
// the other's.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/nn/module.h"
#include "engine/safetensors.h"

namespace vitrine {

/// A tensor of a parameter's shape (itself, its momentum, its average) as PyTorch lays the parameter out.
SafeTensor in_torch_layout(std::string name, const Tensor& value, const nn::Parameter& parameter);

/// The values of `tensor` in our layout of the parameter. Throws Error naming `source` and the tensor if the
/// shapes differ, or if a value is none that the parameter can have: not finite, or a negative variance.
std::vector<double> values_for(const nn::Parameter& parameter, const SafeTensor& tensor,
                               const std::string& source);

/// Parameters and buffers of the model, f32 unless the model is f64.
SafeTensors model_state(nn::Module& model);

/// Throws Error naming the first tensor that is missing (but for counters, which are 0 then), left over or of another
/// shape. The model may be an outline without memory (models/models.h).
void check_model_state(nn::Module& model, const SafeTensors& state, const std::string& source);

/// Throws Error as check_model_state and values_for do; the model is then unchanged.
void load_model_state(nn::Module& model, const SafeTensors& state, const std::string& source);

void save_model(const std::filesystem::path& path, nn::Module& model,
                const std::map<std::string, std::string>& metadata, Links links = Links::follow);

}  // namespace vitrine
