// What a convolution left of an expansion's d_x, and what the moments add to it, are rounded together, once; and of small gradients
// nothing is lost.

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/random.h"
#include "engine/tensor.h"
#include "kernels/kernels.h"
#include "tests/golden_devices.h"

using namespace vitrine;

namespace {

constexpr int64_t pixels = 70, channels = 12;

Tensor numbers(uint32_t which, Shape shape, Placement placement, double from = -1, double to = 1) {
    const RandomKey key{.seed = 4, .purpose = RandomPurpose::test, .epoch = 0, .sample = which};
    std::vector<double> values(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); ++i) values[i] = random_uniform(key, i, from, to);
    return Tensor::from_host(values, std::move(shape), placement);
}

/// The moments' backward, from numbers that bf16 holds too.
struct Moments {
    int64_t narrow;
    Placement stored, sums;
    Tensor x = rounded(1, {pixels, narrow}), expansion = rounded(2, {channels, narrow});
    Tensor centre = numbers(3, {narrow}, sums), scatter = numbers(4, {narrow, narrow}, sums);
    Tensor d_mean = numbers(5, {channels}, sums), d_m2 = numbers(6, {channels}, sums, -0.01, 0.01);

    Moments(int64_t narrow_channels, Placement placement)
        : narrow(narrow_channels), stored(placement), sums(placement.accumulated()) {}

    Tensor rounded(uint32_t which, const Shape& shape) const {
        const Tensor bits = numbers(which, shape, {DType::bf16, Device::cpu});
        return Tensor::from_host(bits.to_host<double>(), shape, stored);
    }

    ExpansionMomentsBackward args() const {
        return {.dtype = stored.dtype,
                .pixels = pixels,
                .narrow = narrow,
                .channels = channels,
                .windows = {},
                .x = x.data(),
                .prologue = {},
                .expansion = expansion.data(),
                .centre = centre.data(),
                .scatter = scatter.data(),
                .d_mean = d_mean.data(),
                .d_m2 = d_m2.data(),
                .d_x_so_far = nullptr,
                .d_x = {},
                .d_scale = {},
                .d_shift = {},
                .d_expansion = {}};
    }

    /// d_x, added to what it is if it is given.
    std::vector<double> d_x(const Tensor& so_far, Tensor to = {}) const {
        const bool adds = to.defined();
        if (!adds) to = Tensor::empty(x.shape(), stored);
        ExpansionMomentsBackward all = args();
        if (so_far.defined()) all.d_x_so_far = so_far.data();
        all.d_x = {to.data(), adds ? GradMode::accumulate : GradMode::write};
        kernels(stored.device).expansion_moments_backward(all);
        return to.to_host<double>();
    }

    /// d_scale and d_shift of a prologue, of gradients that are `share` of these.
    std::vector<double> prologue_gradients(double share) const {
        const auto part = [&](const Tensor& whole) {
            std::vector<double> values = whole.to_host<double>();
            for (double& value : values) value *= share;
            return Tensor::from_host(values, whole.shape(), sums);
        };
        const Tensor d_mean_part = part(d_mean), d_m2_part = part(d_m2);
        const Tensor scale = numbers(8, {narrow}, sums, 0.5, 1.5), shift = numbers(9, {narrow}, sums);
        const Tensor d_scale = Tensor::empty({narrow}, sums), d_shift = Tensor::empty({narrow}, sums);
        ExpansionMomentsBackward all = args();
        all.prologue = {scale.data(), shift.data(), Activation::relu6};
        all.d_mean = d_mean_part.data();
        all.d_m2 = d_m2_part.data();
        all.d_scale = {d_scale.data(), GradMode::write};
        all.d_shift = {d_shift.data(), GradMode::write};
        kernels(stored.device).expansion_moments_backward(all);
        std::vector<double> both = d_scale.to_host<double>();
        for (const double value : d_shift.to_host<double>()) both.push_back(value);
        return both;
    }
};

/// In f64 the sum, and of 16 bits one rounding.
void check_rounded_together(int64_t narrow, Device device) {
    const Moments f64(narrow, {DType::f64, device});
    const std::vector<double> own = f64.d_x({});
    const Tensor so_far = numbers(7, {pixels, narrow}, f64.sums, -40, 40);
    const std::vector<double> before = so_far.to_host<double>(), together = f64.d_x(so_far);
    const std::vector<double> added = f64.d_x(so_far, Tensor::from_host(before, so_far.shape(), f64.stored));
    for (size_t i = 0; i < own.size(); ++i) {
        CHECK(together[i] == doctest::Approx(before[i] + own[i]).epsilon(1e-12));
        CHECK(added[i] == doctest::Approx(2 * before[i] + own[i]).epsilon(1e-12));
    }

    // Half a step of 16 bits at most, and a little of f32's. Two roundings would take up to twice that.
    const Moments bf16(narrow, {DType::bf16, device});
    const std::vector<double> found = bf16.d_x(numbers(7, {pixels, narrow}, bf16.sums, -40, 40));
    for (size_t i = 0; i < own.size(); ++i) {
        const double exact = before[i] + own[i];
        const double step = std::exp2(std::floor(std::log2(std::abs(exact))) - 7);
        CHECK(std::abs(found[i] - exact) <= 0.502 * step);
    }
}

}  // namespace

TEST_CASE("expansion: what is so far of d_x is added before it is rounded") {
    for (const Device device : {Device::reference, Device::cpu, Device::simt}) {
        // 5 channels fill no pack: the lower rung of simt.
        for (const int64_t narrow : {5, 8}) {
            CAPTURE(name_of(device));
            CAPTURE(narrow);
            check_rounded_together(narrow, device);
        }
    }
}

TEST_CASE("expansion: of gradients that 16 bits could not hold as much is known as of large ones") {
    constexpr double share = 0x1p-40;  // exact in f32; f16 begins at 2⁻²⁴
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32}) {
        for (const int64_t narrow : {8, 16, 24, 32}) {
            CAPTURE(std::string(name_of(dtype)));
            CAPTURE(narrow);
            const Moments moments(narrow, {dtype, Device::simt});
            std::vector<double> expected = moments.prologue_gradients(1);
            for (double& value : expected) value *= share;
            CHECK(moments.prologue_gradients(share) == expected);
        }
    }
}
