// What is exported: a model from a file of weights, or from a run's checkpoint.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "engine/nn/module.h"
#include "engine/safetensors.h"
#include "tools/common/model_file.h"
#include "tools/export/options.h"

namespace vitrine::exporting {

struct Source {
    tools::ModelDescription description;
    std::shared_ptr<nn::Module> model;  // on the cpu device, in f32
    std::map<std::string, std::string>
        metadata;      // for a file of the weights: to_metadata and what else is known
    SafeTensors file;  // all that was read
};

/// Throws Error naming the file and what is wrong with it, or with the options for it.
Source read_source(const Options& options);

}  // namespace vitrine::exporting
