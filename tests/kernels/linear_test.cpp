// The linear layer on cpu: two ways to multiply, the same bits.

#include <doctest/doctest.h>

#include <vector>

#include "kernels/devices.h"
#include "kernels/kernels.h"
#include "kernels/philox.h"

namespace vitrine {
namespace {

std::vector<float> draw(int64_t count, uint32_t stream) {
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i)
        values.push_back(uniform_from_word(random_word({.sample = stream}, static_cast<uint64_t>(i))) - 0.5f);
    return values;
}

TEST_CASE("a sample's outputs have the same bits, however many samples it comes with") {
    constexpr int64_t samples = 64, in = 130, out = 200;
    const std::vector<float> x = draw(samples * in, 1), weight = draw(out * in, 2), bias = draw(out, 3);
    for (const bool biased : {false, true}) {
        const auto outputs = [&](int64_t first, int64_t rows) {
            std::vector<float> y(static_cast<size_t>(rows * out));
            kernels(Device::cpu)
                .linear_forward({DType::f32, rows, in, out, x.data() + first * in, weight.data(),
                                 biased ? bias.data() : nullptr, y.data()});
            return y;
        };
        const std::vector<float> together = outputs(0, samples);
        for (const int64_t rows : {1, 3, 17}) {  // the weight multiplies x
            CAPTURE(rows);
            const std::vector<float> few = outputs(samples - rows, rows);
            CHECK(few == std::vector<float>(together.end() - rows * out, together.end()));
        }
    }
}

}  // namespace
}  // namespace vitrine
