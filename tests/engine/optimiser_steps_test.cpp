// What long runs ask of the optimiser, against PyTorch's steps (tests/golden/optimiser_steps.json): decay on
// weights alone, changing momentum and options, accumulation, clipping, and the moving average of the weights. State
// goes through a file to the bit.

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/atomic_file.h"
#include "engine/autograd.h"
#include "engine/checkpoint.h"
#include "engine/error.h"
#include "engine/nn/layers.h"
#include "engine/ops/ops.h"
#include "engine/optim/ema.h"
#include "engine/step/step.h"
#include "kernels/optim.h"
#include "tests/folders.h"

using namespace vitrine;
using namespace vitrine::optim;
using nlohmann::json;

namespace {

const json& golden() {
    static const json document =
        json::parse(read_file(tests::repository() / "tests/golden/optimiser_steps.json"));
    return document;
}

/// A module that holds parameters and nothing else.
class Holder : public nn::Module {
  public:
    std::string kind() const override { return "Holder"; }
    void hold(const std::string& name, const Shape& shape, Placement placement, nn::Role role) {
        add(nn::Parameter{name, Tensor::zeros(shape, placement), nn::TorchLayout::same(shape), {}, role});
    }
    void hold(const std::string& name, std::shared_ptr<nn::Module> module) { add(name, std::move(module)); }

  protected:
    Pending forward(const Pending& x) override { return x; }
};

/// The model of the fixture.
std::shared_ptr<nn::Module> make_model(Placement placement) {
    auto norm = std::make_shared<Holder>();
    norm->hold("weight", {2}, placement, nn::Role::trained);
    norm->hold("running_mean", {2}, placement, nn::Role::buffer);
    auto model = std::make_shared<Holder>();
    model->hold("weight", {2, 3}, placement, nn::Role::trained);
    model->hold("norm", norm);
    model->hold("bias", {2}, placement, nn::Role::trained);
    return model;
}

void assign(Tensor& tensor, const json& values) {
    tensor.assign(std::span<const double>(values.get<std::vector<double>>()));
}

void assign(nn::Module& model, const json& values) {
    for (const nn::NamedParameter& named : model.state()) assign(named.value(), values.at(named.name));
}

/// Within 1e-12 of the expected value, of 1 where that is smaller.
bool near(double value, double expected) {
    return std::abs(value - expected) <= 1e-12 * std::max(1.0, std::abs(expected));
}

void check_values(nn::Module& model, const json& expected) {
    for (const nn::NamedParameter& named : model.state()) {
        CAPTURE(named.name);
        const std::vector<double> values = named.value().to_host<double>();
        for (size_t i = 0; i < values.size(); ++i) {
            const double wanted = expected.at(named.name)[i];
            CHECK_MESSAGE(near(values[i], wanted), values[i], " ", wanted);
        }
    }
}

SgdOptions options_of(const json& entry) {
    return {.momentum = 0.9,
            .weight_decay = entry.at("weight_decay"),
            .dampening = entry.value("dampening", 0.0),
            .nesterov = entry.value("nesterov", false),
            .decay_norms_and_biases = entry.value("decay_norms_and_biases", true)};
}

/// Adds gradients of all parameters to what is there, as one backward pass does.
void add_gradients(nn::Module& model, const json& gradients, Placement placement) {
    for (const nn::NamedParameter& named : model.trainable()) {
        const auto values = gradients.at(named.name).get<std::vector<double>>();
        named.value().slot()->contribute(Tensor::from_host(values, named.value().shape(), placement));
    }
}

UpdateResult take_step(TrainingStep& training, nn::Module& model, const json& entry, const json& step,
                       size_t index, Placement placement) {
    training.optimiser().zero_gradients();
    for (const json& gradients : step.at("gradients")) add_gradients(model, gradients, placement);
    training.update({.learning_rate = step.at("rate"),
                     .momentum = entry.at("momentum")[index],
                     .batches = entry.value("batches", 1),
                     .clip_norm = entry.value("max_norm", 0.0)});
    return training.read().updates.front();
}

void check_averages(std::vector<std::unique_ptr<Ema>>& averages, nn::Module& model, const json& expected) {
    for (size_t i = 0; i < averages.size(); ++i) {
        averages[i]->update(golden().at("ema_decays")[i]);
        averages[i]->swap();
        check_values(model, expected[i]);
        averages[i]->swap();
    }
}

void check_case(const json& entry, Placement placement) {
    const auto model = make_model(placement);
    assign(*model, golden().at("start"));
    TrainingStep training(*model, options_of(entry), /*label_smoothing=*/0.0);
    std::vector<std::unique_ptr<Ema>> averages;
    for (size_t i = 0; i < golden().at("ema_decays").size(); ++i) {
        averages.push_back(std::make_unique<Ema>(training.state()));
    }
    for (size_t index = 0; index < entry.at("steps").size(); ++index) {
        CAPTURE(index);
        const json& step = entry.at("steps")[index];
        if (entry.contains("phase_2") && entry.at("phase_2").at("step") == index) {
            training.optimiser().set_options(options_of(entry.at("phase_2")));
        }
        const UpdateResult result = take_step(training, *model, entry, step, index, placement);
        CHECK(result.followed);
        CHECK(near(result.norm, step.value("norm", 0.0)));
        for (const nn::NamedParameter& named : model->state()) {
            if (named.parameter->role == nn::Role::buffer)
                assign(named.value(), step.at("values").at(named.name));
        }
        check_values(*model, step.at("values"));
        check_averages(averages, *model, step.at("averages"));
        check_values(*model, step.at("values"));
    }
}

}  // namespace

TEST_CASE("optimiser: ten steps of every kind follow PyTorch's, and so do the averages") {
    REQUIRE(golden().at("cases").size() == 5);
    for (const json& entry : golden().at("cases")) {
        CAPTURE(entry.at("name").get<std::string>());
        REQUIRE(entry.at("steps").size() == 10);
        for (Device device : {Device::reference, Device::cpu, Device::simt})
            check_case(entry, {DType::f64, device});
    }
}

namespace {

const SgdOptions all_options{.momentum = 0.9,
                             .weight_decay = 0.01,
                             .dampening = 0.0,
                             .nesterov = true,
                             .decay_norms_and_biases = false};

/// A model, its optimiser and its average, as a process has them.
struct Run {
    explicit Run(Placement its_placement) : placement(its_placement) {
        assign(*model, golden().at("start"));
        training.keep_average(0.99);
    }

    /// Steps first … last − 1 of a fixture's case.
    void steps(size_t first, size_t last) {
        const json& entry = golden().at("cases")[2];
        for (size_t index = first; index < last; ++index) {
            take_step(training, *model, entry, entry.at("steps")[index], index, placement);
        }
    }

    SafeTensors state() {
        SafeTensors all = model_state(*model);
        for (const SafeTensors& more : {sgd.state(), ema().state()}) {
            all.tensors.insert(all.tensors.end(), more.tensors.begin(), more.tensors.end());
        }
        return all;
    }

    void load(const SafeTensors& state) {
        SafeTensors own = state;
        std::erase_if(own.tensors, [](const SafeTensor& tensor) {
            return tensor.name.starts_with("momentum.") || tensor.name.starts_with("ema");
        });
        load_model_state(*model, own, "a file");
        sgd.load_state(state, "a file");
        ema().load_state(state, "a file");
    }

    Placement placement;
    std::shared_ptr<nn::Module> model = make_model(placement);
    TrainingStep training{*model, all_options, /*label_smoothing=*/0.0};
    Sgd& sgd = training.optimiser();
    Ema& ema() { return *training.average(); }
};

void check_same_bits(const SafeTensors& a, const SafeTensors& b) {
    REQUIRE(a.tensors.size() == b.tensors.size());
    for (const SafeTensor& tensor : a.tensors) {
        CAPTURE(tensor.name);
        CHECK(tensor.bytes == b.at(tensor.name).bytes);
    }
}

}  // namespace

TEST_CASE("optimiser: ten steps are five steps, a file, and five steps, to the bit") {
    const auto path = std::filesystem::temp_directory_path() / "vitrine_optimiser_state.safetensors";
    for (Device device : {Device::reference, Device::cpu, Device::simt}) {
        const Placement placement{DType::f32, device};
        Run straight(placement), begun(placement), resumed(placement);
        straight.steps(0, 10);
        begun.steps(0, 5);
        write_safetensors(path, begun.state());
        resumed.load(read_safetensors(path));
        CHECK(resumed.ema().updates() == 5);
        check_same_bits(resumed.state(), begun.state());
        resumed.steps(5, 10);
        check_same_bits(resumed.state(), straight.state());
        CHECK(straight.state().tensors.size() == 4 + 3 + 5);
    }
    std::filesystem::remove(path);
}

TEST_CASE("optimiser: a state of another model is refused, and nothing changes") {
    Run run({DType::f32, Device::reference});
    run.steps(0, 3);
    const SafeTensors before = run.state();
    const auto refuses = [&](const SafeTensors& state) {
        const bool sgd_refuses = [&] {
            try {
                run.sgd.load_state(state, "a file");
                return false;
            } catch (const Error&) {
                return true;
            }
        }();
        check_same_bits(run.state(), before);
        return sgd_refuses;
    };
    SafeTensors stranger = run.sgd.state(), reshaped = stranger;
    stranger.tensors.back().name = "momentum.other";
    CHECK(refuses(stranger));
    reshaped.tensors.front().shape = Shape{3, 2};
    CHECK(refuses(reshaped));

    SafeTensors lacking = run.ema().state(), more = lacking;
    std::erase_if(lacking.tensors, [](const SafeTensor& tensor) { return tensor.name == "ema.bias"; });
    CHECK_THROWS_AS(run.ema().load_state(lacking, "a file"), Error);
    more.tensors.push_back(more.tensors.front());
    more.tensors.back().name = "ema.other";
    CHECK_THROWS_AS(run.ema().load_state(more, "a file"), Error);
    CHECK_THROWS_AS(run.ema().load_state({}, "a file"), Error);
    check_same_bits(run.state(), before);
}

TEST_CASE(
    "optimiser: a parameter without a step with momentum has no state, and reset_momentum forgets all") {
    Run run({DType::f32, Device::cpu});
    CHECK(run.sgd.state().tensors.empty());
    run.sgd.step(0.1);  // nothing has a gradient
    CHECK(run.sgd.state().tensors.empty());
    run.steps(0, 2);
    CHECK(run.sgd.state().tensors.size() == 3);
    run.sgd.set_options({.momentum = 0.5});
    CHECK(run.sgd.state().tensors.size() == 3);
    run.sgd.reset_momentum();
    CHECK(run.sgd.state().tensors.empty());

    CHECK_THROWS_AS(run.sgd.set_options({.momentum = -1.0}), Error);
    CHECK_THROWS_AS(run.sgd.set_options({.nesterov = true}), Error);
    CHECK(run.sgd.options().momentum == 0.5);
}

TEST_CASE("optimiser: gradients of two half batches add up to the whole batch's") {
    const Placement placement{DType::f64, Device::cpu};
    nn::Linear linear({.in_features = 3, .out_features = 2, .weight = {}, .bias = {}, .unflattened = {}},
                      placement);
    const std::vector<nn::NamedParameter> parameters = linear.trainable();
    for (const nn::NamedParameter& named : parameters) named.value().assign_zero();
    FlatState state(parameters);
    Sgd sgd(state, {});
    const std::vector<double> images{1, 2, 3, -1, 0.5, 2, 0, 1, -2, 3, -1, 0.25};
    const std::vector<int32_t> labels{0, 1, 1, 1};
    const auto backward = [&](size_t first, size_t count) {
        const std::vector<double> own(images.begin() + static_cast<int64_t>(3 * first),
                                      images.begin() + static_cast<int64_t>(3 * (first + count)));
        const std::vector<int32_t> own_labels(labels.begin() + static_cast<int64_t>(first),
                                              labels.begin() + static_cast<int64_t>(first + count));
        const auto rows = static_cast<int64_t>(count);
        Tape tape;
        const Recording recording(tape);
        const Tensor x = Tensor::from_host(own, {rows, 3}, placement);
        tape.backward(ops::softmax_cross_entropy(
            linear(x), Tensor::from_host(own_labels, {rows}, {DType::i32, placement.device}), 0.0));
    };
    const auto values = [&] {
        std::vector<double> all;
        for (const nn::NamedParameter& named : parameters) {
            for (double value : named.value().to_host<double>()) all.push_back(value);
        }
        return all;
    };
    backward(0, 4);
    sgd.step(0.5);
    const std::vector<double> whole = values();

    for (const nn::NamedParameter& named : parameters) named.value().assign_zero();
    sgd.zero_gradients();
    backward(0, 2);
    backward(2, 2);
    sgd.step({.learning_rate = 0.5, .gradient_scale = 0.5});
    const std::vector<double> halves = values();
    REQUIRE(whole.size() == 8);
    for (size_t i = 0; i < whole.size(); ++i) {
        CHECK(whole[i] != 0.0);
        CHECK(near(halves[i], whole[i]));
    }
}

TEST_CASE("optimiser: gradients that are not finite are reported and not followed where their norm matters") {
    const Placement placement{DType::f32, Device::cpu};
    const auto model = make_model(placement);
    assign(*model, golden().at("start"));
    TrainingStep training(*model, {.momentum = 0.9}, /*label_smoothing=*/0.0);
    const auto update = [&](const UpdateOptions& hyperparameters) {
        training.update(hyperparameters);
        return training.read().updates.front();
    };
    CHECK(training.optimiser().gradient_norm().item() == 0.0);
    add_gradients(*model, {{"weight", {3, 0, 0, 0, 0, 0}}, {"norm.weight", {0, 4}}, {"bias", {0, 0}}},
                  placement);
    CHECK(training.optimiser().gradient_norm().item() == 5.0);
    CHECK(update({.batches = 2, .measure_norm = true}).norm == 2.5);
    CHECK(update({}).norm == 0.0);

    const double infinity = std::numeric_limits<double>::infinity();
    const std::vector<double> bad{infinity, 0.0};
    model->trainable().back().value().slot()->contribute(Tensor::from_host(bad, {2}, placement));
    const SafeTensors before = model_state(*model), momentum = training.optimiser().state();
    for (const UpdateOptions& guarded : {UpdateOptions{.learning_rate = 0.1, .clip_norm = 1.0},
                                         UpdateOptions{.learning_rate = 0.1, .skip_outliers = 2.0}}) {
        const UpdateResult result = update(guarded);
        CHECK(!std::isfinite(result.norm));
        CHECK(!result.followed);
        check_same_bits(model_state(*model), before);
        check_same_bits(training.optimiser().state(), momentum);
    }
    CHECK(update({.learning_rate = 0.1, .measure_norm = true}).followed);
}

TEST_CASE("optimiser: clipping makes gradients smaller and never larger") {
    CHECK(clip_coefficient(0.5, 1.0) == 1.0);
    CHECK(clip_coefficient(0.0, 1.0) == 1.0);
    CHECK(clip_coefficient(2.0, 1.0) == 1.0 / 2.000001);
    CHECK(clip_coefficient(2.0, std::numeric_limits<double>::infinity()) == 1.0);
}
