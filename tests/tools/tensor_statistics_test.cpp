// What tensors come to, against sums that are written out.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "engine/random.h"
#include "kernels/threads.h"
#include "tools/common/tensor_statistics.h"

namespace vitrine::tests {
namespace {

using tools::TensorStatistics;

std::vector<float> noise(int64_t count, uint64_t seed) {
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i)
        values.push_back(static_cast<float>(random_uniform({.seed = seed, .purpose = RandomPurpose::test},
                                                           static_cast<uint64_t>(i), -3.0, 9.0)));
    return values;
}

/// In the plainest way.
TensorStatistics expected(const std::vector<float>& values, int64_t channels) {
    const auto count = static_cast<double>(values.size());
    TensorStatistics result;
    for (const float x : values) result.mean += x / count;
    double variance = 0.0;
    std::vector<bool> alive(static_cast<size_t>(channels));
    for (size_t i = 0; i < values.size(); ++i) {
        const double x = values[i];
        variance += (x - result.mean) * (x - result.mean) / count;
        result.zeros += x == 0.0 ? 1.0 / count : 0.0;
        result.saturated += x == 6.0 ? 1.0 / count : 0.0;
        if (x != 0.0) alive[i % static_cast<size_t>(channels)] = true;
    }
    result.deviation = std::sqrt(variance);
    for (const bool is_alive : alive)
        result.dead_channels += is_alive ? 0.0 : 1.0 / static_cast<double>(channels);
    return result;
}

void check_near(const TensorStatistics& found, const TensorStatistics& wanted) {
    CHECK(found.mean == doctest::Approx(wanted.mean).epsilon(1e-9));
    CHECK(found.deviation == doctest::Approx(wanted.deviation).epsilon(1e-9));
    CHECK(found.zeros == doctest::Approx(wanted.zeros).epsilon(1e-12));
    CHECK(found.saturated == doctest::Approx(wanted.saturated).epsilon(1e-12));
    CHECK(found.dead_channels == doctest::Approx(wanted.dead_channels).epsilon(1e-12));
}

TEST_CASE("tensor statistics: of a tensor, and of what is pending, in one part and in many") {
    for (const int64_t rows : {int64_t{3}, int64_t{20011}}) {
        const int64_t channels = 24;
        const std::vector<float> values = noise(rows * channels, 1), scale = noise(channels, 2);
        std::vector<float> shift = noise(channels, 3);
        shift[5] = -1000.0F;  // a channel that relu makes dead
        const Tensor x = Tensor::from_host(values, {rows, channels}, {});
        check_near(tools::statistics_of(Pending(x)), expected(values, channels));

        Pending pending(AffineTensor{x, Tensor::from_host(scale, {channels}, {}),
                                     Tensor::from_host(shift, {channels}, {})});
        for (const Activation activation : all_activations) {
            CAPTURE(name_of(activation));
            pending.activation = activation;
            std::vector<float> whole;
            for (size_t i = 0; i < values.size(); ++i) {
                const size_t c = i % static_cast<size_t>(channels);
                const float u = scale[c] * values[i] + shift[c];
                const bool silu = activation == Activation::silu;
                whole.push_back(is_clamp(activation) ? clamped(activation, u)
                                : silu               ? u / (1.0F + std::exp(-u))
                                                     : u * clamped(Activation::relu6, u + 3.0F) / 6.0F);
            }
            // A fused multiply-add may round otherwise, so a value in a million falls on the other side of a kink.
            const TensorStatistics found = tools::statistics_of(pending), wanted = expected(whole, channels);
            CHECK(found.mean == doctest::Approx(wanted.mean).epsilon(1e-6));
            CHECK(found.deviation == doctest::Approx(wanted.deviation).epsilon(1e-6));
            CHECK(found.zeros == doctest::Approx(wanted.zeros).epsilon(1e-4));
            CHECK(found.saturated == doctest::Approx(wanted.saturated).epsilon(1e-4));
            CHECK(found.dead_channels == doctest::Approx(wanted.dead_channels).epsilon(1e-12));
        }
    }
}

TEST_CASE("tensor statistics: any number of threads gives the same bits") {
    const Tensor x = Tensor::from_host(noise(1'000'003, 4), {1'000'003, 1}, {});
    const auto all = [&] {
        const TensorStatistics found = tools::statistics_of(Pending(x));
        return std::vector{found.mean, found.deviation, found.zeros, tools::norm_of(x)};
    };
    const int before = threads();
    set_threads(1);
    const std::vector<double> alone = all();
    set_threads(3);
    CHECK(all() == alone);
    set_threads(before);
}

TEST_CASE("tensor statistics: norms, distances, moments and what is not finite") {
    const std::vector<double> a{3.0, 0.0, -4.0}, b{3.0, 12.0, 1.0};
    const Placement f64{DType::f64, Device::reference};
    const Tensor x = Tensor::from_host(a, {3}, f64), y = Tensor::from_host(b, {3}, f64);
    CHECK(tools::norm_of(x) == 5.0);
    CHECK(tools::distance_of(x, y) == 13.0);

    // Two channels of four values: 1, 1, 3, 3 and 5, 5, 5, 5.
    const Moments moments{Tensor::from_host(std::vector{2.0, 5.0}, {2}, f64),
                          Tensor::from_host(std::vector{4.0, 0.0}, {2}, f64)};
    const TensorStatistics found = tools::statistics_of(moments, 4);
    CHECK(found.mean == 3.5);
    CHECK(found.deviation == doctest::Approx(std::sqrt(2.75)));

    const Tensor broken =
        Tensor::from_host(std::vector<float>{1.0F, std::numeric_limits<float>::quiet_NaN()}, {2}, {});
    CHECK(std::isnan(tools::norm_of(broken)));
    CHECK(std::isnan(tools::statistics_of(Pending(broken)).deviation));
}

}  // namespace
}  // namespace vitrine::tests
