// The training step: what is decided on the device, and that nobody waits for it before the reading.

#include "engine/step/step.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>

#include "engine/autograd.h"
#include "engine/checkpoint.h"
#include "engine/nn/layers.h"
#include "kernels/kernels.h"

using namespace vitrine;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A linear layer and a batch for it: 4 samples of 3 numbers, 2 classes.
struct Small {
    explicit Small(Device its_device) : device(its_device) {
        model.append<nn::Linear>(nn::LinearOptions::torch_default(3, 2), placement());
        nn::initialise(model, 7);
    }
    Placement placement() const { return {DType::f32, device}; }
    NetworkInput batch(float largest = 1.0f) const {
        const std::vector<float> images{1, 2, 3, -1, 0.5, 2, 0, 1, -2, largest, -1, 0.25};
        const std::vector<int32_t> labels{0, 1, 1, 1};
        return {Tensor::from_host(images, {4, 3}, placement()),
                Tensor::from_host(labels, {4}, {DType::i32, device}),
                {}};
    }

    Device device;
    nn::Sequential model;
};

bool same_bits(const SafeTensors& a, const SafeTensors& b) {
    for (const SafeTensor& tensor : a.tensors) {
        if (tensor.bytes != b.at(tensor.name).bytes) return false;
    }
    return a.tensors.size() == b.tensors.size();
}

/// Hands its input on, and ends the backward pass by an exception if it is told to.
class Breaker : public nn::Module {
  public:
    std::string kind() const override { return "Breaker"; }
    bool broken = false;

  protected:
    Pending forward(const Pending& input) override {
        const Tensor x = ops::resolve(input);
        Tensor y = Tensor::like(x);
        y.assign_copy(x);
        record("breaker", {x}, y, [this, d_x = x.slot()](const Tensor& d_y) {
            if (broken) throw std::runtime_error("broken");
            if (d_x) d_x->contribute(d_y);
        });
        return y;
    }
};

/// A decision by hand, in f64.
struct Decided {
    StepState<double> state{1.0, 0.0, 0.0, 1.0, 0.0};
    UpdateRecord<double> record{};

    UpdateDecision<double> operator()(DecideUpdate args, double norm) {
        args.norm = &norm;
        return decide(args, norm, state, record);
    }
};

}  // namespace

TEST_CASE("a decision: clipping, outliers, norms that are not finite, the usual norm, the average's decay") {
    Decided decided;
    const DecideUpdate guarded{
        .gradient_scale = 0.5, .clip_norm = 1.0, .skip_outliers = 3.0, .average_decay = 0.999};
    UpdateDecision<double> decision = decided(guarded, 4.0);
    CHECK(decided.record.norm == 2.0);
    CHECK(decision.follows == 1.0);
    CHECK(decision.gradient_scale == 0.5 * (1.0 / (2.0 + 1e-6)));
    CHECK(decided.state.gradient_norm_ema == 2.0);  // the first takes its place
    CHECK(decision.average_from_value == 1.0);      // decay 0 copies
    CHECK(decision.average_weight == 0.0);

    decision = decided(guarded, 1.0);
    CHECK(decision.gradient_scale == 0.5);  // below the limit nothing is scaled
    CHECK(decided.state.gradient_norm_ema == 0.98 * 2.0 + (1.0 - 0.98) * 0.5);
    CHECK(decision.average_weight == -(2.0 / 11.0));  // one update so far

    const double usual = decided.state.gradient_norm_ema;
    decision = decided(guarded, 2.0 * (3.0 * usual + 0.01));
    CHECK(decision.follows == 0.0);
    CHECK(decided.record.followed == 0.0);
    CHECK(decided.state.gradient_norm_ema > usual);  // what comes often becomes usual
    CHECK(decided.state.average_updates == 2.0);

    for (const double broken : {infinity, std::nan("")}) {
        const double before = decided.state.gradient_norm_ema;
        CHECK(decided(guarded, broken).follows == 0.0);
        CHECK(decided.state.gradient_norm_ema == before);
        CHECK(decided(DecideUpdate{}, broken).follows == 1.0);  // nobody asked for guards
    }
    decided.state.healthy = 0.0;
    CHECK(decided(guarded, 1.0).follows == 0.0);
    CHECK(decided(DecideUpdate{}, 1.0).follows == 0.0);
}

TEST_CASE("a loss that is not finite keeps its update and all later ones from being made") {
    for (const Device device : {Device::reference, Device::cpu, Device::simt}) {
        Small small(device);
        TrainingStep step(small.model, {.momentum = 0.9, .weight_decay = 0.1}, 0.1);
        step.keep_average(0.9);
        const auto run = [&](float largest, uint32_t batch) {
            step.accumulate(small.batch(largest), 0, batch);
            step.update({.learning_rate = 0.1});
        };
        run(1.0f, 0);
        StepScalars::Reading reading = step.read();
        REQUIRE(reading.batches.size() == 1);
        CHECK(std::isfinite(reading.batches.front().loss));
        CHECK(reading.updates.front().followed);
        const SafeTensors model = model_state(small.model), momentum = step.optimiser().state(),
                          average = step.average()->state();
        run(std::numeric_limits<float>::infinity(), 1);
        run(1.0f, 2);
        reading = step.read();
        REQUIRE(reading.updates.size() == 2);
        CHECK(!std::isfinite(reading.batches.front().loss));
        CHECK(std::isfinite(reading.batches.back().loss));
        CHECK(!reading.updates.front().followed);
        CHECK(!reading.updates.back().followed);
        CHECK(same_bits(model_state(small.model), model));
        CHECK(same_bits(step.optimiser().state(), momentum));
        CHECK(same_bits(step.average()->state(), average));
        CHECK(step.average()->updates() == 1);
    }
}

TEST_CASE("what was read late is what was read at once, to the bit") {
    const auto run = [](bool late) {
        Small small(Device::cpu);
        TrainingStep step(small.model, {.momentum = 0.9}, 0.0);
        step.keep_average(0.99);
        StepScalars::Reading all;
        const auto read = [&] {
            const StepScalars::Reading reading = step.read();
            for (const BatchResult& batch : reading.batches) all.batches.push_back(batch);
            for (const UpdateResult& update : reading.updates) all.updates.push_back(update);
            all.gradient_norm_ema = reading.gradient_norm_ema;
        };
        for (uint32_t i = 0; i < 20; ++i) {
            step.accumulate(small.batch(), 0, i);
            if (i % 2 == 0) continue;
            step.update({.learning_rate = 0.3, .batches = 2, .clip_norm = 0.4, .skip_outliers = 1.05});
            if (!late) read();
        }
        if (late) read();
        SafeTensors state = model_state(small.model);
        for (const SafeTensors& more : {step.optimiser().state(), step.average()->state()})
            state.tensors.insert(state.tensors.end(), more.tensors.begin(), more.tensors.end());
        return std::pair(all, state);
    };
    const auto [late, late_state] = run(true);
    const auto [soon, soon_state] = run(false);
    REQUIRE(late.batches.size() == 20);
    REQUIRE(late.updates.size() == 10);
    for (size_t i = 0; i < late.batches.size(); ++i) {
        CHECK(late.batches[i].loss == soon.batches[i].loss);
        CHECK(late.batches[i].top1 == soon.batches[i].top1);
        CHECK(late.batches[i].top5 == 4);  // two classes
    }
    for (size_t i = 0; i < late.updates.size(); ++i) {
        CHECK(late.updates[i].norm == soon.updates[i].norm);
        CHECK(late.updates[i].followed == soon.updates[i].followed);
    }
    CHECK(late.gradient_norm_ema == soon.gradient_norm_ema);
    CHECK(same_bits(late_state, soon_state));
}

TEST_CASE("a batch that an exception ended leaves nothing behind") {
    const auto trained = [](bool with_exceptions) {
        Small small(Device::cpu);
        const auto breaker = std::make_shared<Breaker>();
        small.model.append_module(breaker);
        small.model.append<nn::Linear>(nn::LinearOptions::torch_default(2, 2), small.placement());
        nn::initialise(small.model, 7);
        TrainingStep step(small.model, {.momentum = 0.9}, 0.0);
        for (uint32_t i = 0; i < 3; ++i) {
            breaker->broken = true;
            for (int64_t k = 0; with_exceptions && k < 2 * StepScalars::capacity; ++k)
                CHECK_THROWS_AS(step.accumulate(small.batch(3.0f), 0, i), std::runtime_error);
            breaker->broken = false;
            step.accumulate(small.batch(), 0, i);
            step.update({.learning_rate = 0.1});
        }
        CHECK(step.read().batches.size() == 3);
        return model_state(small.model);
    };
    CHECK(same_bits(trained(true), trained(false)));
}

TEST_CASE("an average that was begun anew warms up anew") {
    Small small(Device::cpu);
    TrainingStep step(small.model, {}, 0.0);
    step.keep_average(0.999);
    const auto run = [&](uint32_t batch) {
        step.accumulate(small.batch(), 0, batch);
        step.update({.learning_rate = 0.1});
        step.read();
    };
    for (uint32_t i = 0; i < 3; ++i) run(i);
    CHECK(step.average()->updates() == 3);
    step.average()->restart();
    run(3);
    CHECK(step.average()->updates() == 1);
    SafeTensors model = model_state(small.model);
    step.average()->swap();
    CHECK(same_bits(model_state(small.model), model));  // the first update copies
    step.average()->swap();
}

TEST_CASE("readings have room for so many batches, and say when they are full") {
    Small small(Device::reference);
    TrainingStep step(small.model, {}, 0.0);
    for (int64_t i = 0; i < StepScalars::capacity; ++i) {
        CHECK(!step.must_read());
        step.accumulate(small.batch(), 0, static_cast<uint32_t>(i));
    }
    CHECK(step.must_read());
    CHECK_THROWS_AS(step.accumulate(small.batch(), 0, 0), std::logic_error);
    CHECK(step.read().batches.size() == static_cast<size_t>(StepScalars::capacity));
    CHECK(!step.must_read());
}
