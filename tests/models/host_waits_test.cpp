// A GPU runs behind the host that asks it for work. The host may not wait for it within a step, nor between
// steps, until it reads what they came to: the launches of the simt device are those of a GPU, and so are the
// places where the host would wait.

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>

#include "engine/step/step.h"
#include "kernels/call_observer.h"
#include "kernels/simt/launch.h"
#include "models/models.h"

using namespace vitrine;

namespace {

struct Run {
    uint64_t launches = 0, waits = 0;
};

/// What `work` made of the device.
template <class Work>
Run seen(Work&& work) {
    const LaunchLog& log = simt::launch_log();
    const Run before{log.count(), log.waits()};
    work();
    return {log.count() - before.launches, log.waits() - before.waits};
}

/// Two samples of 32 × 32, mixed.
NetworkInput batch(DType dtype) {
    const Placement floats{dtype, Device::simt}, whole{DType::i32, Device::simt};
    std::vector<float> images(2 * 32 * 32 * 3);
    for (size_t i = 0; i < images.size(); ++i) images[i] = static_cast<float>(i % 7) - 3.0f;
    return {Tensor::from_host(images, {2, 32, 32, 3}, floats),
            Tensor::from_host(std::vector<int32_t>{0, 2}, {2}, whole),
            Tensor::from_host(std::vector<int32_t>{2, 0}, {2}, whole), 0.7};
}

/// MobileNetV2, fused, on a device that runs its kernels without watching them.
struct SmallStep {
    explicit SmallStep(double width, DType dtype = DType::f32)
        : model(models::make_model("mobilenet_v2",
                                   {.classes = 4, .image_size = 32, .variant = {.width_mult = width}},
                                   {dtype, Device::simt}, 3)),
          input(batch(dtype)) {
        simt::set_settings(quick());
        model->set_fused(true);
    }
    ~SmallStep() { simt::set_settings(before); }
    static simt::Settings quick() {
        simt::Settings settings = simt::settings();
        settings.check = false;
        return settings;
    }

    const simt::Settings before = simt::settings();
    const std::shared_ptr<nn::Module> model;
    TrainingStep step{*model, {.momentum = 0.9, .weight_decay = 1e-4}, 0.1};
    const NetworkInput input;
};

}  // namespace

TEST_CASE("the host waits once a reading, and not between the first kernel of a step and the last") {
    SmallStep small(0.25);
    TrainingStep& step = small.step;
    step.keep_average(0.99);
    const UpdateOptions options{.learning_rate = 0.05, .batches = 2, .clip_norm = 1.0, .skip_outliers = 9.0};
    for (uint32_t round = 0; round < 3; ++round) {
        const Run steps = seen([&] {
            step.accumulate(small.input, 1, 2 * round);
            step.accumulate(small.input, 1, 2 * round + 1);
            step.update(options);
        });
        CHECK(steps.waits == 0);
        CHECK(steps.launches > 250);  // of two batches: or the log sees nothing
    }
    StepScalars::Reading reading;
    CHECK(seen([&] { reading = step.read(); }).waits == 1);
    CHECK(reading.batches.size() == 6);
    CHECK(reading.updates.size() == 3);
}

TEST_CASE("no batch norm of a fused step is a launch of its own") {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        CAPTURE(name_of(dtype));
        SmallStep small(0.25, dtype);
        std::map<std::string, int> calls;
        const CallObserver observer([&](const KernelCall& call) { ++calls[call.kernel]; });
        small.step.forward(small.input, 1, 0);
        small.step.backward();
        CHECK(calls["depthwise_conv_forward"] == 17);
        CHECK(calls["depthwise_conv_backward"] == 17);
        CHECK(calls["normalize_forward"] == 0);
        CHECK(calls["normalize_backward"] == 0);
    }
}

TEST_CASE("a training step of MobileNetV2 is no more than 150 launches, three of them for the update") {
    for (const double width : {0.25, 1.0}) {
        CAPTURE(width);
        SmallStep small(width);
        TrainingStep& step = small.step;
        const auto one = [&](const auto& part) { return seen(part).launches; };
        const uint64_t forward = one([&] { step.forward(small.input, 1, 0); }),
                       backward = one([&] { step.backward(); }),
                       update = one([&] { step.update({.learning_rate = 0.05}); });
        MESSAGE("launches: forward ", forward, ", backward ", backward, ", update ", update);
        CHECK(update == 3);  // the decision; parameters with weight decay, and those without
        CHECK(forward + backward + update <= 150);
    }
}
