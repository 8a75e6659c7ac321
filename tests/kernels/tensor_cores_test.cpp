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
std::string refusal(const Kernel<Args>& kernel, const Args& args) {
    const auto& all = kernel.implementations();
    const auto tensor_cores =
        std::ranges::find(all, std::string("tensor_cores"), &Implementation<Args>::name);
    REQUIRE(tensor_cores != all.end());
    const char* reason = tensor_cores->refuses(args);
    return reason == nullptr ? "" : reason;
}

}  // namespace

TEST_CASE(
    "tensor cores take floats in packs, from compute capability 8.0 on, and only where they are asked for") {
    ConvForward args{};
    args.dtype = DType::f32;
    args.shape.batch = 1;
    args.shape.in = {4, 4};
    args.shape.in_channels = 8;
    args.shape.out_channels = 8;
    const Kernel<ConvForward>& kernel = *kernels(Device::simt).pointwise_conv_forward.kernel;
    CHECK(refusal(kernel, args).empty());
    CHECK(std::string(kernel.choose(args, Device::simt).name) == "register_tiled");

    simt::set_compute_capability(75);
    CHECK(refusal(kernel, args) == "the code for this GPU is that of a compute capability below 8.0");
    simt::set_compute_capability(80);
    CHECK(refusal(kernel, args).empty());
    simt::set_compute_capability(90);

    args.shape.in_channels = 6;
    CHECK(refusal(kernel, args) == "the input channels are no multiple of 16 bytes");
    args.shape.in_channels = 8;
    args.dtype = DType::f64;
    CHECK(refusal(kernel, args) == "tensor cores take floats only");
}

}  // namespace vitrine
