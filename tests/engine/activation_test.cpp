// What the activations keep for their backward pass, and what their layers are called.

#include <doctest/doctest.h>

#include "engine/autograd.h"
#include "engine/memory.h"
#include "engine/nn/layers.h"
#include "engine/ops/ops.h"

using namespace vitrine;

namespace {

constexpr Placement placement{DType::f32, Device::reference};
constexpr int64_t count = int64_t{1} << 18;
constexpr size_t tensor_bytes = size_t{4} << 18;

size_t bytes_in_use() { return memory_statistics(Device::reference).bytes_in_use; }

/// The bytes of input and output that stay when `forget_input` lets go of the input, else of the output: an op was
/// recorded in between, and x is nobody else's.
size_t kept(Activation activation, bool forget_input) {
    const Tensor leaf = Tensor::zeros({count}, placement).require_gradient();
    Tape tape;
    const Recording recording(tape);
    const size_t before = bytes_in_use();
    Tensor x = ops::add(leaf, leaf);
    Tensor y = ops::activation(x, activation);
    (forget_input ? x : y) = Tensor();
    return bytes_in_use() - before;
}

}  // namespace

TEST_CASE("relu and relu6 keep nothing but their output") {
    for (const Activation activation : {Activation::relu, Activation::relu6}) {
        CAPTURE(name_of(activation));
        CHECK(kept(activation, true) == tensor_bytes);
        CHECK(kept(activation, false) == 2 * tensor_bytes);
    }
}

TEST_CASE("silu and hard_swish keep nothing but their input") {
    for (const Activation activation : {Activation::silu, Activation::hard_swish}) {
        CAPTURE(name_of(activation));
        CHECK(kept(activation, true) == 2 * tensor_bytes);
        CHECK(kept(activation, false) == tensor_bytes);
    }
}

TEST_CASE("an activation's layer has PyTorch's name") {
    const auto kind = [](Activation activation) { return nn::ActivationLayer(activation).kind(); };
    CHECK(kind(Activation::identity) == "Identity");
    CHECK(kind(Activation::relu) == "ReLU");
    CHECK(kind(Activation::relu6) == "ReLU6");
    CHECK(kind(Activation::silu) == "SiLU");
    CHECK(kind(Activation::hard_swish) == "Hardswish");
}
