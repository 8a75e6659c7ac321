// One warp that multiplies once for each of its registers: see fragment.h.

#include "lab/inspect/lessons/fragment.h"

#include "kernels/cuda/tensor_core.h"

namespace vitrine::inspect {
namespace {

using namespace vitrine::simt;

using Product = Mma<bf16, 16>;

constexpr unsigned one = 0x3F80;  // in bf16

/// B with a one at [k, 0].
__device__ FragmentB<Product> planted(int k) {
    const FragmentPlace place;
    FragmentB<Product> b{};
    for (int i = 0; i < Product::b_registers; ++i) {
        if (place.b_column() == 0 && place.b_word(i) == k / 2) b.words[i] = one << k % 2 * 16;
    }
    return b;
}

__global__ void try_registers(int row, int k, float* results) {
    const FragmentPlace place;
    const FragmentB<Product> b = planted(k);
    const int lane = static_cast<int>(threadIdx.x);
    for (int tried = 0; tried < lanes_of_warp * registers_of_a; ++tried) {
        FragmentA<Product> a{};
        if (lane == tried / registers_of_a) a.words[tried % registers_of_a] = one | one << 16;
        FragmentC sums{};
        multiply_matrices(sums, a, b);
        for (int i = 0; i < 4; ++i) {
            if (place.c_row(i) == row && place.c_column(i) == 0) results[tried] = sums.values[i];
        }
    }
}

}  // namespace

void try_registers_of_a(int row, int k, float* results) {
    launch(try_registers, 1, lanes_of_warp, 0, stream(), row, k, results);
}

}  // namespace vitrine::inspect
