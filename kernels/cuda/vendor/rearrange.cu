// Bias and depthwise weights, one thread an element: small beside the product that they stand next to.
//
// Bytes moved: a bias reads and writes y once; a transpose reads and writes the weights once.

#include "kernels/cuda/vendor/rearrange.h"

namespace vitrine::VITRINE_GPU::vendor {
namespace {

constexpr int threads = 256;

template <class T>
__global__ void __launch_bounds__(threads)
    bias_elements(ReadOnly<T> bias, T* y, int64_t count, int64_t channels) {
    const int64_t i = thread_index();
    if (i < count) y[i] += bias[i % channels];
}

template <class T>
__global__ void __launch_bounds__(threads)
    transpose_elements(ReadOnly<T> from, GradientWriter<T> to, int64_t rows, int64_t columns) {
    const int64_t i = thread_index();
    if (i < rows * columns) to(i, from[i % rows * columns + i / rows]);
}

}  // namespace

template <class T>
void add_bias(const T* bias, T* y, int64_t rows, int64_t channels) {
    if (bias == nullptr) return;
    const int64_t count = rows * channels;
    launch(bias_elements<T>, blocks_for(count, threads), threads, 0, stream(), bias, y, count, channels);
}

template <class T>
void transpose(const T* from, const Gradient& to, int64_t rows, int64_t columns) {
    launch(transpose_elements<T>, blocks_for(rows * columns, threads), threads, 0, stream(), from,
           GradientWriter<T>(to), rows, columns);
}

template void add_bias(const float*, float*, int64_t, int64_t);
template void add_bias(const double*, double*, int64_t, int64_t);
template void transpose(const float*, const Gradient&, int64_t, int64_t);
template void transpose(const double*, const Gradient&, int64_t, int64_t);

}  // namespace vitrine::VITRINE_GPU::vendor
