// Reads the fixtures of tests/golden/models and computes what their formulas define: see
// tests/golden/README.md.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/nn/module.h"
#include "engine/safetensors.h"
#include "engine/tensor.h"

namespace vitrine::golden {

/// One entry of models.json.
struct Case {
    std::string name, model;
    double width_mult;
    int64_t classes, image_size, batch_size;
    uint64_t seed;
    bool training;  // has train-mode logits, a loss and gradients
    int steps;      // of SGD
    double lr;
    std::vector<std::string> stages;
    std::vector<std::string> zero_gradients;  // zero by structure: only rounding noise is there
};

std::vector<Case> all_cases();
SafeTensors fixture(const std::string& name);
nlohmann::json json_file(const std::string& path_under_golden);

/// The model of a case with PyTorch's weights, dropout 0.
std::shared_ptr<nn::Module> build(const Case& which, Placement placement);
/// The case's images, NHWC.
Tensor input(const Case& which, Placement placement);
Tensor labels(const Case& which, Placement placement);

/// ‖value − exact‖ / ‖exact‖.
double relative_error(const std::vector<double>& value, const std::vector<double>& exact);

/// What a fixture keeps of a list of tensors, by place in the list: sums, norms, random projections, samples.
class Digests {
  public:
    Digests(const SafeTensors& file, const std::string& group);

    double norm(size_t tensor) const { return norms_.at(tensor); }
    /// An estimate of ‖value − exact‖ / ‖exact‖: a random projection of the difference on signs has the norm
    /// of the difference as its root mean square. The sampled elements and the sum are checked too: the worst
    /// counts.
    double relative_error(size_t tensor, const std::vector<double>& value) const;

  private:
    std::vector<double> sums_, norms_, projections_, samples_;
};

}  // namespace vitrine::golden
