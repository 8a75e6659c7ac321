// The layers of a step and what they cost, by the kernels that were called: see lab/common/layer_timer.h.

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "lab/common/workloads.h"
#include "models/models.h"
#include "tests/tools/timed_steps.h"

namespace vitrine::tools {
namespace {

/// The layers of one step.
template <class Forward>
std::vector<Layer> layers_of(std::vector<Tensor> leaves, Forward forward) {
    return LayerTimer(steps_of(std::move(leaves), forward)).layers();
}

}  // namespace

TEST_CASE("the cost of a dense convolution") {
    const Tensor x = trained({2, 5, 5, 3}), weight = trained({4, 3, 3, 3});
    const auto layers = layers_of({x, weight}, [=] {
        return ops::conv(x, weight, {}, {.stride = {1, 1}, .padding = {1, 1}});
    });
    REQUIRE(layers.size() == 1);
    CHECK(layers[0].op == "dense_conv");
    CHECK(layers[0].forward.kernel == "dense_conv_forward");
    CHECK(layers[0].backward.kernel == "dense_conv_backward");
    // 200 outputs of 27 multiply-adds; x has 150 elements, the weight 108, y 200.
    CHECK(layers[0].forward.cost.flops == 200 * 27 * 2);
    CHECK(layers[0].forward.cost.bytes_read == 4 * (150 + 108));
    CHECK(layers[0].forward.cost.bytes_written == 4 * 200);
    CHECK(layers[0].backward.cost.flops == 2 * 200 * 27 * 2);
    CHECK(layers[0].backward.cost.bytes() == 4 * (200 + 150 + 108 + 150 + 108));
}

TEST_CASE("a convolution of the images computes no gradient of them") {
    const Tensor x = Tensor::zeros({2, 5, 5, 3}, placement), weight = trained({4, 3, 3, 3});
    const auto layers = layers_of({weight}, [=] {
        return ops::conv(x, weight, {}, {.stride = {1, 1}, .padding = {1, 1}});
    });
    REQUIRE(layers.size() == 1);
    CHECK(layers[0].shape == "5x5x3 -> 5x5x4 k3 s1 no d_x");
    CHECK(layers[0].backward.cost.flops == 200 * 27 * 2);
    CHECK(layers[0].backward.cost.bytes() == 4 * (200 + 150 + 108));
}

TEST_CASE("the cost of a batch norm") {
    const Tensor x = trained({2, 3, 3, 4}), weight = trained({4}), bias = trained({4});
    const auto layers = layers_of({x, weight, bias}, [=] {
        Tensor mean = Tensor::zeros({4}, placement), variance = Tensor::zeros({4}, placement);
        return ops::batch_norm(x, weight, bias, mean, variance, {});
    });
    REQUIRE(layers.size() == 1);
    CHECK(layers[0].forward.cost.flops == 0);
    // Weight, bias and running statistics are read; mean, rstd and running statistics written.
    CHECK(layers[0].forward.cost.bytes() == 4 * (72 + 4 * 4 + 72 + 4 * 4));
    CHECK(layers[0].backward.cost.bytes() == 4 * (72 + 72 + 3 * 4 + 72 + 2 * 4));
}

TEST_CASE("the cost of max pooling and of the loss includes what backward needs") {
    const Tensor x = trained({2, 4, 4, 3}), logits = trained({2, 5});
    const Tensor labels = Tensor::from_host(std::vector<int32_t>{0, 1}, {2}, {DType::i32, Device::cpu});
    const auto pool = layers_of({x}, [=] {
        return ops::max_pool(x, {.kernel = {2, 2}, .stride = {2, 2}, .padding = {0, 0}});
    });
    REQUIRE(pool.size() == 1);
    CHECK(pool[0].forward.cost.bytes() == 4 * (96 + 24 + 24));
    CHECK(pool[0].backward.cost.bytes() == 4 * (24 + 24 + 96));
    const auto loss = layers_of({logits}, [=] { return ops::softmax_cross_entropy(logits, labels, 0.0); });
    REQUIRE(loss.size() == 1);
    CHECK(loss[0].forward.cost.bytes() == 4 * (10 + 2 + 10 + 1));
    CHECK(loss[0].backward.cost.bytes() == 4 * (1 + 10 + 2 + 10));
}

TEST_CASE("what is pending costs its convolution a few operands a channel, and a view costs nothing") {
    const Tensor x = trained({2, 4, 4, 3}), first = trained({5, 3}), second = trained({6, 5});
    const Tensor weight = trained({5}), bias = trained({5});
    const auto layers = layers_of({x, first, second, weight, bias}, [=] {
        Tensor mean = Tensor::zeros({5}, placement), variance = Tensor::zeros({5}, placement);
        const Pending y =
            ops::conv(Pending(x), first, {}, {.stride = {}, .padding = {0, 0}, .groups = 1, .moments = true});
        Pending z = ops::normalize(y, {weight, bias, mean, variance});
        z.activation = Activation::relu;
        return ops::reshape(ops::resolve(ops::conv(z, second, {})), {2, 96});
    });
    REQUIRE(layers.size() == 4);
    const double x_count = 96, y_count = 160, last_count = 192, w1 = 15, w2 = 30;
    CHECK(layers[0].shape == "4x4x3 -> 4x4x5");
    CHECK(layers[0].forward.cost.bytes() == 4 * (x_count + w1 + y_count + 2 * 5));  // the moments
    // y and its mean, and the gradients of the moments, are read beside d_y, the weight and x.
    CHECK(layers[0].backward.cost.bytes() == 4 * (2 * y_count + 3 * 5 + w1 + x_count + x_count + w1));
    CHECK(layers[1].op == "normalize");
    CHECK(layers[1].shape == "5 channels");
    CHECK(layers[1].forward.cost.bytes() == 4 * (6 * 5 + 5 * 5));
    // Who reads what is pending does the norm's backward pass behind its own.
    const double norm_backward = 5 * 5 + 4 * 5;
    CHECK(layers[1].backward.kernel.empty());
    CHECK(layers[2].shape == "4x4x5 -> 4x4x6 prologue");
    CHECK(layers[2].forward.cost.bytes() == 4 * (y_count + w2 + last_count + 2 * 5));
    CHECK(layers[2].backward.kernel == "pointwise_conv_backward");
    CHECK(layers[2].backward.cost.bytes() ==
          4 * (last_count + w2 + y_count + 2 * 5 + y_count + w2 + 2 * 5 + norm_backward));
    CHECK(layers[3].op == "reshape");
    CHECK(layers[3].forward.kernel.empty());
    CHECK(layers[3].backward.cost.bytes() == 0);
}

TEST_CASE("a global average pool reads what is pending once each way, and what is whole only forward") {
    const Tensor x = trained({2, 4, 4, 3}), first = trained({5, 3}), weight = trained({5}),
                 bias = trained({5});
    const double y_count = 160, means = 10;
    const auto pending = layers_of({x, first, weight, bias}, [=] {
        Tensor mean = Tensor::zeros({5}, placement), variance = Tensor::zeros({5}, placement);
        const Pending y =
            ops::conv(Pending(x), first, {}, {.stride = {}, .padding = {0, 0}, .groups = 1, .moments = true});
        Pending z = ops::normalize(y, {weight, bias, mean, variance});
        z.activation = Activation::relu6;
        return ops::global_average_pool(z);
    });
    REQUIRE(pending.size() == 3);
    CHECK(pending[2].op == "global_average_pool");
    CHECK(pending[2].shape == "4x4x5 -> 5 prologue");
    CHECK(pending[2].forward.cost.bytes() == 4 * (y_count + 2 * 5 + means));
    const double norm_backward = 5 * 5 + 4 * 5;  // which comes behind
    CHECK(pending[2].backward.cost.bytes() ==
          4 * (y_count + 2 * 5 + means + y_count + 2 * 5 + norm_backward));
    const auto whole = layers_of({x}, [=] { return ops::global_average_pool(x); });
    REQUIRE(whole.size() == 1);
    CHECK(whole[0].shape == "4x4x3 -> 3");
    CHECK(whole[0].backward.cost.bytes() == 4 * (2 * 3 + 96));
}

TEST_CASE("a layer that adds a gradient to another's pays for that too") {
    const Tensor x = trained({2, 4, 4, 3}), weight = trained({3, 3});
    const auto layers = layers_of(
        {x, weight}, [=] { return ops::resolve(ops::add(ops::resolve(ops::conv(x, weight, {}, {})), x)); });
    REQUIRE(layers.size() == 2);
    CHECK(layers[1].op == "add");
    CHECK(layers[1].backward.kernel.empty());  // hands its gradient on
    // d_x is read, and written again, with what the sum's gradient left there.
    CHECK(layers[0].backward.cost.bytes() == 4 * (96 + 96 + 9 + 9 + 2 * 96));
}

TEST_CASE("MobileNetV2 at 224 multiplies and adds 300,774,272 times an image") {
    const auto model = models::make_model("mobilenet_v2", {.classes = 1000, .image_size = 224}, placement, 1);
    for (const bool fused : {true, false}) {
        model->set_fused(fused);
        model->set_training(false);
        Cost total;
        const CallObserver observer([&](const KernelCall& call) { total += call.least; });
        (*model)(Tensor::zeros({1, 224, 224, 3}, placement));
        CHECK(total.flops == 2.0 * 300'774'272);
    }
}

TEST_CASE("fused, a step has the same operations as unfused, other layers and fewer bytes") {
    const OneThread one_thread;
    struct Sums {
        Cost cost;
        std::set<std::string> kernels, shapes;
    };
    const auto sums_of = [](bool fused) {
        Sums sums;
        const LayerTimer timer(model_workload(
            "basic_block_net", {.image_size = 16, .batch_size = 2, .classes = 10, .fused = fused}));
        CHECK(timer.workload().name ==
              std::string("training steps of basic_block_net, images 16x16, batch 2") +
                  (fused ? "" : ", unfused"));
        for (const Layer& layer : timer.layers()) {
            for (const Pass pass : {Pass::forward, Pass::backward}) {
                sums.cost += layer.of(pass).cost;
                sums.kernels.insert(layer.of(pass).kernel);
            }
            sums.shapes.insert(layer.op + " " + layer.shape);
        }
        return sums;
    };
    const Sums fused = sums_of(true), unfused = sums_of(false);
    CHECK(fused.cost.flops == unfused.cost.flops);
    CHECK(fused.cost.bytes() < unfused.cost.bytes());
    for (const char* kernel : {"resolve_forward", "resolve_backward"}) {
        CHECK(fused.kernels.contains(kernel));
        CHECK_FALSE(unfused.kernels.contains(kernel));
    }
    for (const char* kernel :
         {"batch_norm_forward", "batch_norm_backward", "activation_backward", "add_forward"}) {
        CHECK(unfused.kernels.contains(kernel));
        CHECK_FALSE(fused.kernels.contains(kernel));
    }
    CHECK(fused.shapes.contains("resolve 16x16x32 normalised + whole"));
    CHECK(fused.shapes.contains("dense_conv 16x16x32 k3 s1 prologue"));
    CHECK(unfused.shapes.contains("activation relu 16x16x32"));
}

}  // namespace vitrine::tools
