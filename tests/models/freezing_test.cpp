// Parts of a model that are not trained: they stay as they are to the bit, what is trained gets the gradients that it has
// anyway, and batch norms that are kept in evaluation mode are so fused and unfused alike.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/step/step.h"
#include "kernels/simt/launch.h"
#include "models/models.h"
#include "tests/models/step_setting.h"

using namespace vitrine;
using vitrine::tests::batch_for;
using vitrine::tests::Setting;

namespace {

const Setting basic{"basic_block_net", 16, 4};
const Setting mobile{"mobilenet_v2", 64, 4, {.width_mult = 0.1}};
const Setting resnet{"resnet18", 32, 4};

using Frozen = std::function<bool(const std::string& name)>;

/// Each leaves kernels some of the gradients that they otherwise write: x's without the weight's, the prologue's scale and
/// shift without x's, …
const std::map<std::string, Frozen> choices{
    {"all but the last linear layer",
     [](const std::string& name) {
         return !name.starts_with("classifier") && !name.starts_with("fc") && !name.starts_with("layer_5");
     }},
    {"convolutions",
     [](const std::string& name) {
         return !name.ends_with("bias") && (name.find("conv") != name.npos || name.starts_with("layer_1.0") ||
                                            name.starts_with("layer_1.3") || name.starts_with("layer_2"));
     }},
    {"the first third",
     [](const std::string& name) {
         return name.starts_with("features.0") || name.starts_with("features.1.") ||
                name.starts_with("features.2.") || name.starts_with("conv1") || name.starts_with("bn1") ||
                name.starts_with("layer_1.0") || name.starts_with("layer1") || name.starts_with("layer_1.1");
     }},
    {"weights", [](const std::string& name) { return name.ends_with("weight"); }},
    {"biases", [](const std::string& name) { return name.ends_with("bias"); }},
    {"every other one", [](const std::string& name) { return std::hash<std::string>()(name) % 2 == 0; }},
    {"the head", [](const std::string& name) {
         return name.starts_with("classifier") || name.starts_with("fc") || name.starts_with("layer_5");
     }}};

struct Outcome {
    std::map<std::string, std::vector<double>> before, gradients, after;
    double loss = 0.0;
};

/// A step with what `frozen` says, batch norms of frozen parameters in evaluation mode where `keep_norms`.
Outcome take_step(const Setting& setting, Device device, bool fused, const Frozen& frozen,
                  bool keep_norms = false) {
    const Placement placement{DType::f64, device};
    const auto model = models::make_model(
        setting.model, {.classes = 3, .image_size = setting.image_size, .variant = setting.variant},
        placement, 5);
    model->set_fused(fused);
    TrainingStep step(*model, {.momentum = 0.9, .weight_decay = 1e-2}, 0.1);
    const auto& parameters = step.state().parameters();
    step.state().freeze([&](size_t index) { return frozen(parameters[index].name); });
    model->for_each_module([&](const std::string& path, nn::Module& module) {
        const bool norm =
            module.kind() == "BatchNorm2d" && frozen(path + ".weight") && frozen(path + ".bias");
        module.keep_in_evaluation(keep_norms && norm);
    });
    Outcome outcome;
    for (const nn::NamedParameter& named : parameters)
        outcome.before[named.name] = named.value().to_host<double>();
    step.accumulate(batch_for(setting, placement), 1, 0);
    for (const nn::NamedParameter& named : parameters) {
        if (named.value().gradient().defined())
            outcome.gradients[named.name] = named.value().gradient().to_host<double>();
    }
    step.update({.learning_rate = 0.01, .clip_norm = 100.0});
    outcome.loss = step.read().batches.front().loss;
    for (const nn::NamedParameter& named : parameters)
        outcome.after[named.name] = named.value().to_host<double>();
    return outcome;
}

double distance(const std::vector<double>& found, const std::vector<double>& expected, double least) {
    double difference = 0.0, norm = 0.0;
    for (size_t i = 0; i < expected.size(); ++i) {
        difference += (found[i] - expected[i]) * (found[i] - expected[i]);
        norm += expected[i] * expected[i];
    }
    return std::sqrt(difference) / std::max(std::sqrt(norm), least);
}

bool is_statistic(const std::string& name) {
    return name.ends_with("running_mean") || name.ends_with("running_var") ||
           name.ends_with("num_batches_tracked");
}

void check_frozen(const Setting& setting, Device device, bool fused) {
    const Outcome whole = take_step(setting, device, fused, [](const std::string&) { return false; });
    for (const auto& [what, frozen] : choices) {
        CAPTURE(std::string(setting.model));
        CAPTURE(what);
        CAPTURE(fused);
        const Outcome part = take_step(setting, device, fused, frozen);
        CHECK(part.loss == doctest::Approx(whole.loss).epsilon(1e-12));
        size_t trained = 0, still = 0;
        for (const auto& [name, gradient] : whole.gradients) {
            CAPTURE(name);
            if (frozen(name)) {
                ++still;
                CHECK(!part.gradients.contains(name));
                CHECK(part.after.at(name) == part.before.at(name));
                continue;
            }
            ++trained;
            REQUIRE(part.gradients.contains(name));
            CHECK(distance(part.gradients.at(name), gradient, 1e-3) <= 1e-11);
            CHECK(part.after.at(name) != part.before.at(name));
        }
        CHECK(trained > 0);
        CHECK(still > 0);
    }
}

void check_norms(const Setting& setting, Device device) {
    for (const char* what : {"all but the last linear layer", "the first third"}) {
        CAPTURE(std::string(setting.model));
        CAPTURE(what);
        const Frozen& frozen = choices.at(what);
        const Outcome plain = take_step(setting, device, false, frozen, true);
        const Outcome fused = take_step(setting, device, true, frozen, true);
        const Outcome moving = take_step(setting, device, true, frozen, false);
        CHECK(fused.loss == doctest::Approx(plain.loss).epsilon(1e-12));
        CHECK(fused.loss != doctest::Approx(moving.loss).epsilon(1e-6));
        REQUIRE(fused.gradients.size() == plain.gradients.size());
        for (const auto& [name, gradient] : plain.gradients) {
            CAPTURE(name);
            CHECK(distance(fused.gradients.at(name), gradient, 1e-3) <= 1e-11);
        }
        size_t kept = 0;
        for (const auto& [name, value] : fused.before) {
            CAPTURE(name);
            if (!is_statistic(name)) continue;
            const std::string norm = name.substr(0, name.rfind('.'));
            const bool stays = frozen(norm + ".weight") && frozen(norm + ".bias");
            kept += stays ? 1 : 0;
            CHECK((fused.after.at(name) == value) == stays);
            CHECK((plain.after.at(name) == value) == stays);
            CHECK(moving.after.at(name) != value);
        }
        CHECK(kept > 0);
    }
}

}  // namespace

TEST_CASE("what is frozen stays to the bit, and what is trained gets the gradients that it has anyway") {
    for (const bool fused : {false, true}) {
        for (const Setting& setting : {basic, mobile, resnet}) check_frozen(setting, Device::cpu, fused);
        check_frozen(basic, Device::reference, fused);
    }
}

TEST_CASE("frozen batch norms in evaluation mode keep their statistics, and fused and unfused agree") {
    for (const Setting& setting : {basic, mobile, resnet}) check_norms(setting, Device::cpu);
    check_norms(basic, Device::reference);
}

TEST_CASE("the CUDA kernels leave out the gradients of what is frozen too") {
    const simt::Settings before = simt::settings();
    simt::Settings quick = before;
    quick.check = false;
    simt::set_settings(quick);
    for (const bool fused : {false, true}) check_frozen(basic, Device::simt, fused);
    check_norms(basic, Device::simt);
    simt::set_settings(before);
}

TEST_CASE("what was frozen is trained again when it is freed, and its momentum begins then") {
    const Placement placement{DType::f64, Device::reference};
    const auto model = models::make_model("basic_block_net", {.classes = 3, .image_size = 16}, placement, 5);
    TrainingStep step(*model, {.momentum = 0.9}, 0.0);
    const auto& parameters = step.state().parameters();
    const auto is_first = [&](size_t index) { return parameters[index].name.starts_with("layer_1.0"); };
    const NetworkInput input = batch_for(basic, placement);
    const auto train = [&] {
        step.accumulate(input, 1, 0);
        step.update({.learning_rate = 0.01});
        step.read();
    };
    const auto has_momentum = [&] {
        const SafeTensors state = step.optimiser().state();
        return state.find("momentum.layer_1.0.weight") != nullptr;
    };
    step.state().freeze(is_first);
    CHECK(step.state().is_frozen(0));
    train();
    CHECK(!has_momentum());
    const std::vector<double> frozen = parameters[0].value().to_host<double>();
    step.state().freeze([](size_t) { return false; });
    train();
    CHECK(has_momentum());
    CHECK(parameters[0].value().to_host<double>() != frozen);
}
