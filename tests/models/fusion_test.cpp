// Fused and unfused are the same function: what is left pending (engine/pending.h) and read through a convolution gives
// the logits, the loss, the gradients and the running statistics of separate batch norms and activations. In f64 the
// two differ by rounding alone, and over twenty steps of training by what that grows to.

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <memory>

#include "engine/step/step.h"
#include "kernels/simt/launch.h"
#include "kernels/threads.h"
#include "models/models.h"
#include "tests/models/step_setting.h"

using namespace vitrine;
using vitrine::tests::batch_for;
using vitrine::tests::Setting;

namespace {

/// Large enough that no batch norm has only a few values: those multiply each rounding a thousandfold from step to step.
const Setting all_settings[] = {
    {"basic_block_net", 16, 8}, {"mobilenet_v2", 96, 8, {.width_mult = 0.25}}, {"resnet18", 64, 4}};

/// What steps of training come to: each loss, and by name what the last one left.
struct Outcome {
    std::vector<double> losses;
    std::map<std::string, std::vector<double>> tensors;
};

Outcome train(const Setting& setting, Device device, bool fused, int steps) {
    const Placement placement{DType::f64, device};
    const auto model = models::make_model(
        setting.model, {.classes = 3, .image_size = setting.image_size, .variant = setting.variant},
        placement, 5);
    model->set_fused(fused);
    TrainingStep step(*model, {.momentum = 0.9, .weight_decay = 1e-4}, 0.1);
    const NetworkInput input = batch_for(setting, placement);
    Outcome outcome;
    for (int i = 0; i < steps; ++i) {
        step.accumulate(input, 1, static_cast<uint32_t>(i));
        if (i == 0) {
            for (const nn::NamedParameter& named : model->trainable())
                outcome.tensors["gradient of " + named.name] = named.value().gradient().to_host<double>();
        }
        // Training multiplies a rounding from step to step, fused or not: at 0.02 by ten in three of them.
        step.update({.learning_rate = 0.0005});
        outcome.losses.push_back(step.read().batches.front().loss);
    }
    for (const nn::NamedParameter& named : model->state())
        outcome.tensors[named.name] = named.value().to_host<double>();
    model->set_training(false);
    outcome.tensors["logits in evaluation"] = (*model)(input.images).to_host<double>();
    return outcome;
}

double norm(const std::vector<double>& values) {
    double squares = 0;
    for (const double value : values) squares += value * value;
    return std::sqrt(squares);
}

/// The distance of two tensors, as a share of the second one's norm. Where the next batch norm takes back what a parameter
/// does (the shift of a narrow layer), its gradient and what that makes of it are 0 but for rounding: such a tensor is
/// measured against elements of a thousandth, such a gradient against a thousandth of the largest.
double difference(const std::string& name, const Outcome& found, const Outcome& expected) {
    std::vector<double> distance = expected.tensors.at(name);
    double scale = norm(distance), least = std::sqrt(static_cast<double>(distance.size()));
    if (name.starts_with("gradient of ")) {
        least = 0.0;
        for (const auto& [other, values] : expected.tensors)
            if (other.starts_with("gradient of ")) least = std::max(least, norm(values));
    }
    for (size_t i = 0; i < distance.size(); ++i) distance[i] -= found.tensors.at(name)[i];
    return norm(distance) / std::max(scale, 1e-3 * least);
}

void check_same(const Setting& setting, Device device, int steps, double limit) {
    CAPTURE(setting.model);
    const Outcome plain = train(setting, device, false, steps), fused = train(setting, device, true, steps);
    for (size_t i = 0; i < plain.losses.size(); ++i)
        CHECK(fused.losses[i] == doctest::Approx(plain.losses[i]).epsilon(limit));
    bool other_bits = false;
    for (const auto& [name, expected] : plain.tensors) {
        CAPTURE(name);
        other_bits = other_bits || fused.tensors.at(name) != expected;
        CHECK(difference(name, fused, plain) <= limit);
    }
    CHECK(other_bits);  // or it is the same path twice
}

}  // namespace

TEST_CASE("fused and unfused training are the same function in f64, over twenty steps") {
#ifdef __SANITIZE_ADDRESS__
    constexpr int steps = 1;  // what the sanitizers look for shows at once
#else
    constexpr int steps = 20;
#endif
    for (const Setting& setting : all_settings) check_same(setting, Device::cpu, steps, 1e-12);
}

TEST_CASE("the reference device, fused, is the same function too") {
    check_same(all_settings[0], Device::reference, 2, 1e-12);
    check_same({"mobilenet_v2", 32, 8, {.width_mult = 0.25}}, Device::reference, 1, 1e-10);
}

TEST_CASE("and so are the CUDA kernels") {
    const simt::Settings before = simt::settings();
    simt::Settings quick = before;
    quick.check = false;
    simt::set_settings(quick);
    for (const Setting& setting : {all_settings[0], all_settings[1]})
        check_same(setting, Device::simt, 2, 1e-12);
    simt::set_settings(before);
}

TEST_CASE("fused training gives the same bits with any number of threads") {
    const int before = threads();
    std::vector<Outcome> outcomes;
    for (const int count : {1, 2, 3}) {
        set_threads(count);
        for (const Setting& setting : all_settings) outcomes.push_back(train(setting, Device::cpu, true, 1));
    }
    set_threads(before);
    const size_t models = std::size(all_settings);
    for (size_t i = models; i < outcomes.size(); ++i) {
        CHECK(outcomes[i].losses == outcomes[i % models].losses);
        CHECK(outcomes[i].tensors == outcomes[i % models].tensors);
    }
}
