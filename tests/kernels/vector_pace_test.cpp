// Whole or half vectors: what is chosen by a measurement must not show in any bit, or a run that goes on would not be the same
// run. Where the choice could reach the order of a sum: results larger than the caches, and gradients in several blocks.

#include "kernels/cpu/vector_pace.h"

#include <doctest/doctest.h>

#include <vector>

#include "kernels/context.h"
#include "kernels/kernels.h"

namespace vitrine {
namespace {

std::vector<float> draw(int64_t count, uint32_t seed) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) {
        seed = seed * 1664525u + 1013904223u;
        value = static_cast<float>(seed >> 8) / static_cast<float>(1 << 23) - 1.0f;
    }
    return values;
}

/// make() with whole vectors keeping pace and with them falling behind.
template <class Make>
void check_both_ways(const Make& make) {
    cpu::assume_vector_pace(true);
    const auto wholes = make();
    cpu::assume_vector_pace(false);
    const auto halves = make();
    cpu::assume_vector_pace(std::nullopt);
    CHECK(wholes == halves);
}

TEST_CASE("vector pace: moments of 24 channels that are larger than the caches") {
    constexpr int64_t in = 8, out = 24;
    ConvShape shape;
    shape.in = {513, 512};
    shape.in_channels = in;
    shape.out_channels = out;
    const std::vector<float> x = draw(shape.in_pixels() * in, 1), weight = draw(in * out, 2);
    Scratch memory(Device::cpu);
    float* y = memory.take<float>(shape.out_pixels() * out);
    check_both_ways([&] {
        std::vector<float> moments(2 * out);
        kernels(Device::cpu)
            .pointwise_conv_forward({.dtype = DType::f32,
                                     .shape = shape,
                                     .x = x.data(),
                                     .weight = weight.data(),
                                     .bias = nullptr,
                                     .prologue = {},
                                     .y = y,
                                     .epilogue = {moments.data(), moments.data() + out}});
        return moments;
    });
}

TEST_CASE("vector pace: a weight's gradient in several blocks, added to what is there") {
    constexpr int64_t rows = 200, in = 24, out = 40;
    const std::vector<float> x = draw(rows * in, 1), weight = draw(in * out, 2), d_y = draw(rows * out, 3);
    for (const GradMode mode : {GradMode::write, GradMode::accumulate}) {
        check_both_ways([&] {
            std::vector<float> d_weight = draw(in * out, 4);
            LinearBackward args{DType::f32, rows, in, out, x.data(), weight.data(), d_y.data(), {}, {}, {}};
            args.d_weight = {d_weight.data(), mode};
            kernels(Device::cpu).linear_backward(args);
            return d_weight;
        });
    }
}

}  // namespace
}  // namespace vitrine
