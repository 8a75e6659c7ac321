// Kernels that access memory through helpers of a header: see places.h.

#include "tests/simt/places.h"

#include <fmt/format.h>

#include "tests/simt/places_helpers.h"
#include "tests/simt/places_kernel.h"

namespace vitrine::simt::test {
namespace {

constexpr int read_line = __LINE__ + 3;
__global__ void copy_kernel(const float* from, float* to) {
    __shared__ float word[32];
    const float value = load_lane(from);
    word[threadIdx.x] = value;
    __syncwarp();
    store(to + threadIdx.x, word[threadIdx.x]);
}
constexpr int own_line = read_line + 1;
constexpr int write_line = read_line + 3;

constexpr int race_line = __LINE__ + 2;
__global__ void race_kernel(float* to) {
    if (threadIdx.x % 32 == 0) store(to, 1.0f);
}

}  // namespace

Ways ways() {
    const std::string_view here = "tests/simt/places.cu";
    return {fmt::format("{}:{} > places_helpers.h:{} > places_helpers.h:{}", here, read_line, load_lane_line,
                        load_line),
            fmt::format("{}:{} > places_helpers.h:{}", here, write_line, store_line),
            fmt::format("{}:{}", here, own_line),
            fmt::format("tests/simt/places_helpers.h:{} (called from {}:{})", store_line, here, race_line)};
}

void copy_through_helpers(const float* from, float* to) { launch(copy_kernel, 1, 32, 0, nullptr, from, to); }
void race_through_helper(float* to) { launch(race_kernel, 1, 64, 0, nullptr, to); }

void copy_by_header(const float* from, float* to) {
    launch(header_kernel<float>, 1, 32, 0, nullptr, from, to);
}
std::string way_in_header() {
    return fmt::format("tests/simt/places_kernel.h:{} > places_helpers.h:{} > places_helpers.h:{}",
                       header_kernel_line, load_lane_line, load_line);
}

}  // namespace vitrine::simt::test
