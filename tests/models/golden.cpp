// The fixtures of PyTorch's models: see golden.h.

#include "tests/models/golden.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "engine/atomic_file.h"
#include "engine/checkpoint.h"
#include "kernels/philox.h"
#include "models/models.h"
#include "tests/folders.h"

namespace vitrine::golden {
namespace {

/// The uses of randomness in tests/golden/formula.py, which are the `epoch` of the key.
enum Stream : uint32_t { parameter = 1, coarse = 2, fine = 3, label = 4, projection = 5, sample = 6 };

RandomKey key_of(uint64_t seed, Stream stream, uint32_t tensor = 0) {
    return {.seed = seed, .purpose = RandomPurpose::test, .epoch = stream, .sample = tensor};
}

/// offset + scale · (u − 1/2) in f32, element by element.
float formula(const RandomKey& key, uint64_t index, float offset, float scale) {
    return offset + scale * (uniform_from_word(random_word(key, index)) - 0.5f);
}

/// Parameters from the formula, running statistics from a file.
SafeTensors state_by_formula(nn::Module& model, const std::string& name) {
    static const nlohmann::json rules = json_file("models/models.json").at("formula");
    const SafeTensors statistics =
        fixture(name == "mobilenet_v2" ? "mobilenet_v2_full_statistics" : name + "_statistics");
    SafeTensors state = model_state(model);
    std::map<std::string, nlohmann::json> rule_of;
    for (const auto& rule : rules.at("tensors").at(name)) rule_of[rule.at("name")] = rule;
    for (SafeTensor& tensor : state.tensors) {
        if (const SafeTensor* stored = statistics.find(tensor.name)) {
            tensor = *stored;
        } else if (rule_of.contains(tensor.name)) {
            const nlohmann::json& rule = rule_of.at(tensor.name);
            const RandomKey key = key_of(rules.at("seed"), Stream::parameter, rule.at("index"));
            std::vector<double> values(static_cast<size_t>(tensor.shape.count()));
            for (size_t i = 0; i < values.size(); ++i)
                values[i] = formula(key, i, rule.at("offset"), rule.at("scale"));
            tensor = SafeTensor::f32(tensor.name, tensor.shape, values);
        }
    }
    return state;
}

std::string weights_of(const Case& which) {
    return which.model == "basic_block_net" ? "basic_block_net" : "mobilenet_v2_quarter";
}

}  // namespace

nlohmann::json json_file(const std::string& path_under_golden) {
    return nlohmann::json::parse(read_file(tests::repository() / "tests" / "golden" / path_under_golden));
}

SafeTensors fixture(const std::string& name) {
    return read_safetensors(tests::repository() / "tests" / "golden" / "models" / (name + ".safetensors"));
}

std::vector<Case> all_cases() {
    std::vector<Case> cases;
    const nlohmann::json document = json_file("models/models.json");
    for (const auto& entry : document.at("cases")) {
        cases.push_back({entry.at("name"), entry.at("model"), entry.at("width_mult"), entry.at("classes"),
                         entry.at("image_size"), entry.at("batch_size"), entry.at("seed"),
                         entry.at("training"), entry.at("steps"), entry.at("lr"), entry.at("stages"),
                         entry.value("zero_gradients", std::vector<std::string>{})});
    }
    return cases;
}

std::shared_ptr<nn::Module> build(const Case& which, Placement placement) {
    const models::ModelOptions options{.classes = which.classes,
                                       .image_size = which.image_size,
                                       .variant = {.width_mult = which.width_mult, .dropout = 0.0}};
    auto model = models::make_model(which.model, options, placement, /*seed=*/0);
    const bool by_formula = which.model != "basic_block_net" && which.width_mult == 1.0;
    load_model_state(*model, by_formula ? state_by_formula(*model, which.model) : fixture(weights_of(which)),
                     which.name);
    return model;
}

Tensor input(const Case& which, Placement placement) {
    const int64_t size = which.image_size;
    const RandomKey coarse = key_of(which.seed, Stream::coarse), fine = key_of(which.seed, Stream::fine);
    std::vector<double> pixels;
    for (int64_t n = 0; n < which.batch_size; ++n) {
        for (int64_t y = 0; y < size; ++y) {
            for (int64_t x = 0; x < size; ++x) {
                for (int64_t c = 0; c < 3; ++c) {
                    const int64_t image = n * 3 + c, cell = (image * 8 + y * 8 / size) * 8 + x * 8 / size;
                    const float colour = formula(coarse, static_cast<uint64_t>(cell), 0.0f, 4.0f);
                    const auto pixel = static_cast<uint64_t>((image * size + y) * size + x);
                    pixels.push_back(static_cast<double>(colour + formula(fine, pixel, 0.0f, 1.0f)));
                }
            }
        }
    }
    return Tensor::from_host(pixels, {which.batch_size, size, size, 3}, placement);
}

Tensor labels(const Case& which, Placement placement) {
    std::vector<int32_t> values(static_cast<size_t>(which.batch_size));
    for (size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<int32_t>(random_word(key_of(which.seed, Stream::label), i) %
                                         static_cast<uint32_t>(which.classes));
    }
    return Tensor::from_host(values, {which.batch_size}, {DType::i32, placement.device});
}

double relative_error(const std::vector<double>& value, const std::vector<double>& exact) {
    if (value.size() != exact.size()) return INFINITY;
    double difference = 0.0, norm = 0.0;
    for (size_t i = 0; i < value.size(); ++i) {
        difference += (value[i] - exact[i]) * (value[i] - exact[i]);
        norm += exact[i] * exact[i];
    }
    return std::sqrt(difference / norm);
}

Digests::Digests(const SafeTensors& file, const std::string& group)
    : sums_(file.at(group + "_sum").values()),
      norms_(file.at(group + "_norm").values()),
      projections_(file.at(group + "_projections").values()),
      samples_(file.at(group + "_samples").values()) {}

double Digests::relative_error(size_t tensor, const std::vector<double>& value) const {
    const size_t count = value.size(), projections = projections_.size() / norms_.size();
    std::vector<double> projected(projections, 0.0);
    double sum = 0.0;
    const RandomKey signs = key_of(0, Stream::projection, static_cast<uint32_t>(tensor));
    for (size_t i = 0; i < count; ++i) {
        const uint32_t word = random_word(signs, i);
        for (size_t k = 0; k < projections; ++k) projected[k] += (word >> k & 1U) != 0 ? -value[i] : value[i];
        sum += value[i];
    }
    double squares = 0.0;
    for (size_t k = 0; k < projections; ++k) {
        squares += std::pow(projected[k] - projections_[tensor * projections + k], 2);
    }
    double worst = std::sqrt(squares / static_cast<double>(projections));
    worst = std::max(worst, std::abs(sum - sums_[tensor]) / std::sqrt(static_cast<double>(count)));

    const size_t samples = samples_.size() / norms_.size();
    const RandomKey places = key_of(0, Stream::sample, static_cast<uint32_t>(tensor));
    for (size_t j = 0; j < samples; ++j) {
        const size_t i = random_word(places, j) % static_cast<uint32_t>(count);
        worst = std::max(worst, std::abs(value[i] - samples_[tensor * samples + j]));
    }
    return std::isnan(squares) ? INFINITY : worst / norms_[tensor];
}

}  // namespace vitrine::golden
