// Which products tensor cores take, and why not the others.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "kernels/kernels.h"
#include "kernels/simt/kernel_code.h"

namespace vitrine {
namespace {

/// What the implementation says of the arguments: "" if it takes them.
template <class Args>
std::string refusal(const Kernel<Args>& kernel, const Args& args, const std::string& name) {
    const auto& all = kernel.implementations();
    const auto implementation = std::ranges::find(all, name, &Implementation<Args>::name);
    REQUIRE(implementation != all.end());
    const char* reason = implementation->why_refused(args);
    return reason == nullptr ? "" : reason;
}

/// Of an image of 4×4 pixels.
ConvForward pointwise(DType dtype, int64_t in_channels) {
    ConvForward args{};
    args.dtype = dtype;
    args.shape.batch = 1;
    args.shape.in = {4, 4};
    args.shape.in_channels = in_channels;
    args.shape.out_channels = 8;
    return args;
}

const Kernel<ConvForward>& kernel() { return *kernels(Device::simt).pointwise_conv_forward.kernel; }

/// The first implementation that takes it on a GPU of this compute capability, ten times it.
std::string chosen_on(int compute_capability, DType dtype) {
    simt::set_compute_capability(compute_capability);
    const std::string name = kernel().choose(pointwise(dtype, 8), Device::simt).name;
    simt::set_compute_capability(90);
    return name;
}

/// Both gradients of 32 to 16 channels and many pixels.
ConvBackward both_gradients(DType dtype) {
    alignas(16) static char anything[16];
    ConvBackward args{};
    args.dtype = dtype;
    args.shape = {1, {64, 64}, 32, 16, {1, 1}, {1, 1}, {0, 0}, 1};
    args.d_x.data = anything;
    args.d_weight.data = anything;
    return args;
}

std::string chosen_backward_on(int compute_capability, const ConvBackward& args) {
    simt::set_compute_capability(compute_capability);
    const Kernel<ConvBackward>& backward = *kernels(Device::simt).pointwise_conv_backward.kernel;
    const std::string name = backward.choose(args, Device::simt).name;
    simt::set_compute_capability(90);
    return name;
}

constexpr const char* below_80 = "the code for this GPU is that of a compute capability below 8.0";

}  // namespace

TEST_CASE(
    "tensor cores take floats in packs, from compute capability 8.0 on, and only where they are asked for") {
    const auto refused = [](DType dtype, int64_t in_channels) {
        return refusal(kernel(), pointwise(dtype, in_channels), "tensor_cores");
    };
    CHECK(refused(DType::f32, 8).empty());
    simt::set_compute_capability(75);
    CHECK(refused(DType::f32, 8) == below_80);
    simt::set_compute_capability(80);
    CHECK(refused(DType::f32, 8).empty());
    simt::set_compute_capability(90);
    CHECK(refused(DType::f32, 6) == "the input channels are no multiple of 16 bytes");
    CHECK(refused(DType::f64, 8) == "this tile takes f32 only");
    CHECK(refused(DType::bf16, 8) == "takes neither bf16 nor f16");
    CHECK(chosen_on(90, DType::f32) == "register_tiled");
}

TEST_CASE("16-bit values are theirs first: f16 on all GPUs, bf16 from 8.0 on") {
    const auto refused = [](DType dtype, int64_t in_channels) {
        return refusal(kernel(), pointwise(dtype, in_channels), "half_tensor_cores");
    };
    for (const DType half : {DType::bf16, DType::f16}) {
        CHECK(refused(half, 8).empty());
        CHECK(refused(half, 12) == "the input channels are no multiple of 16 bytes");
        CHECK(chosen_on(90, half) == "half_tensor_cores");
        CHECK(chosen_on(80, half) == "half_tensor_cores");
    }
    CHECK(refused(DType::f32, 8) == "this tile takes bf16 and f16 only");
    CHECK(chosen_on(75, DType::f16) == "half_tensor_cores");
    CHECK(chosen_on(75, DType::bf16) == "register_tiled");
    simt::set_compute_capability(75);
    CHECK(refused(DType::bf16, 8) == below_80);
    simt::set_compute_capability(90);
}

TEST_CASE("both gradients of many pixels come from one reading, of 16-bit values by tensor cores") {
    for (const DType half : {DType::bf16, DType::f16}) {
        CHECK(chosen_backward_on(90, both_gradients(half)) == "half_one_pass");
        ConvBackward args = both_gradients(half);
        args.d_weight = {};
        CHECK(chosen_backward_on(90, args) == "half_tensor_cores");
        args = both_gradients(half);
        args.shape.out_channels = 200;
        args.shape.batch = 8;
        CHECK(chosen_backward_on(90, args) == "half_tensor_cores");
    }
    CHECK(chosen_backward_on(75, both_gradients(DType::f16)) == "half_one_pass");
    CHECK(chosen_backward_on(75, both_gradients(DType::bf16)) == "one_pass");
    CHECK(chosen_backward_on(90, both_gradients(DType::f32)) == "one_pass");
}

}  // namespace vitrine
