// What the libraries leave to be done, one thread an element.
//
// Bytes moved: a bias reads and writes y once; a transpose or a put reads and writes each element once; the
// winners of max pooling read a window for each element of y.

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

template <class T>
__global__ void __launch_bounds__(threads)
    put_elements(ReadOnly<T> from, GradientWriter<T> to, int64_t count) {
    const int64_t i = thread_index();
    if (i < count) to(i, from[i]);
}

template <class T>
__device__ __forceinline__ bool is_winner(T value, T largest) {
    return value == largest || (value != value && largest != largest);
}

template <class T>
__global__ void __launch_bounds__(threads)
    find_winner(PoolShape shape, Size2 out, ReadOnly<T> x, T* y, int32_t* index, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const int64_t channel = i % shape.channels, pixel = i / shape.channels;
    const int64_t top = pixel / out.width % out.height * shape.stride.height - shape.padding.height;
    const int64_t left = pixel % out.width * shape.stride.width - shape.padding.width;
    const int64_t image = pixel / (out.width * out.height) * shape.in.height * shape.in.width;
    const T largest = y[i];
    int64_t first = -1;
    for (int64_t row = top; row < top + shape.kernel.height; ++row) {
        if (row < 0 || row >= shape.in.height) continue;
        for (int64_t column = left; column < left + shape.kernel.width; ++column) {
            if (column < 0 || column >= shape.in.width) continue;
            const int64_t place = row * shape.in.width + column;
            if (first < 0) first = place;
            if (!is_winner(x[(image + place) * shape.channels + channel], largest)) continue;
            index[i] = static_cast<int32_t>(place);
            return;
        }
    }
    // All of the window is −∞.
    index[i] = static_cast<int32_t>(first);
    y[i] = x[(image + first) * shape.channels + channel];
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

template <class T>
void put(const T* from, const Gradient& to, int64_t count) {
    if (!to) return;
    launch(put_elements<T>, blocks_for(count, threads), threads, 0, stream(), from, GradientWriter<T>(to),
           count);
}

template <class T>
void find_winners(const PoolShape& shape, const T* x, T* y, int32_t* index) {
    const Size2 out = shape.out();
    const int64_t count = shape.batch * out.height * out.width * shape.channels;
    launch(find_winner<T>, blocks_for(count, threads), threads, 0, stream(), shape, out, x, y, index, count);
}

template void add_bias(const float*, float*, int64_t, int64_t);
template void add_bias(const double*, double*, int64_t, int64_t);
template void transpose(const float*, const Gradient&, int64_t, int64_t);
template void transpose(const double*, const Gradient&, int64_t, int64_t);
template void put(const float*, const Gradient&, int64_t);
template void put(const double*, const Gradient&, int64_t);
template void find_winners(const PoolShape&, const float*, float*, int32_t*);
template void find_winners(const PoolShape&, const double*, double*, int32_t*);

}  // namespace vitrine::VITRINE_GPU::vendor
