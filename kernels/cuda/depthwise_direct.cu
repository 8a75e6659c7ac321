// Depthwise convolution, the naive rung: one thread an output element, whatever the shape.
//
// Bytes asked for, f32: forward, an output element: 4 · taps of x, 4 · taps of weight, 4 of y. Neighbouring
// threads have neighbouring channels, so each request is whole, but every element of x is asked for by all
// taps that it meets (9 times with a 3×3 kernel of stride 1), and goes through the prologue as often. d_x
// alike. d_weight: x and d_y once a tap, and no more threads than weights, far too few to fill a GPU.
// What comes next, the rows of depthwise_forward.cu and depthwise_backward.h, asks for each element once.

#include "kernels/cuda/channel_sums.h"
#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/depthwise_conv.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;

// x [batch, in_h, in_w, channels], weight [kernel_h, kernel_w, channels], y [batch, out_h, out_w, channels].

template <class T>
__global__ void __launch_bounds__(threads)
    forward_elements(ConvShape shape, Size2 out, const T* __restrict__ x, const T* __restrict__ weight,
                     const T* __restrict__ bias, PrologueOn<T> prologue, T* y, int64_t count) {
    const int64_t index = thread_index();
    if (index >= count) return;
    const int64_t channels = shape.in_channels;
    const int64_t channel = index % channels;
    const int64_t j = index / channels % out.width;
    const int64_t i = index / channels / out.width % out.height;
    const int64_t n = index / channels / out.width / out.height;
    T sum = bias == nullptr ? T(0) : bias[channel];
    for (int64_t p = 0; p < shape.kernel.height; ++p) {
        const int64_t row = i * shape.stride.height + p - shape.padding.height;
        if (row < 0 || row >= shape.in.height) continue;
        for (int64_t q = 0; q < shape.kernel.width; ++q) {
            const int64_t column = j * shape.stride.width + q - shape.padding.width;
            if (column < 0 || column >= shape.in.width) continue;
            const T a = prologue(
                x[((n * shape.in.height + row) * shape.in.width + column) * channels + channel], channel);
            sum = multiply_add(weight[(p * shape.kernel.width + q) * channels + channel], a, sum);
        }
    }
    y[index] = sum;
}

/// d_a = Σ weight · g over the windows that hold the pixel.
template <class T>
__global__ void __launch_bounds__(threads)
    d_x_elements(ConvShape shape, Size2 out, UpstreamOn<T> g, const T* __restrict__ weight,
                 GradientWriter<T> d_a, int64_t count) {
    const int64_t index = thread_index();
    if (index >= count) return;
    const int64_t channels = shape.in_channels;
    const int64_t channel = index % channels;
    const int64_t column = index / channels % shape.in.width;
    const int64_t row = index / channels / shape.in.width % shape.in.height;
    const int64_t n = index / channels / shape.in.width / shape.in.height;
    T sum = 0;
    for (int64_t p = 0; p < shape.kernel.height; ++p) {
        const int64_t down = row + shape.padding.height - p;
        if (down < 0 || down % shape.stride.height != 0 || down / shape.stride.height >= out.height) continue;
        for (int64_t q = 0; q < shape.kernel.width; ++q) {
            const int64_t along = column + shape.padding.width - q;
            if (along < 0 || along % shape.stride.width != 0 || along / shape.stride.width >= out.width)
                continue;
            const int64_t pixel =
                (n * out.height + down / shape.stride.height) * out.width + along / shape.stride.width;
            sum = multiply_add(weight[(p * shape.kernel.width + q) * channels + channel],
                               g(pixel * channels + channel, channel), sum);
        }
    }
    d_a(index, sum);
}

/// Each row of an image is added up by itself, then the rows of an image, then the images: what float loses
/// in a sum grows with its length.
template <class T>
__global__ void __launch_bounds__(threads)
    d_weight_elements(ConvShape shape, Size2 out, const T* __restrict__ x, PrologueOn<T> prologue,
                      UpstreamOn<T> g, GradientWriter<T> d_weight, int64_t count) {
    const int64_t index = thread_index();
    if (index >= count) return;
    const int64_t channels = shape.in_channels;
    const int64_t channel = index % channels;
    const int64_t q = index / channels % shape.kernel.width;
    const int64_t p = index / channels / shape.kernel.width;
    T sum = 0;
    for (int64_t n = 0; n < shape.batch; ++n) {
        T image_sum = 0;
        for (int64_t i = 0; i < out.height; ++i) {
            const int64_t row = i * shape.stride.height + p - shape.padding.height;
            if (row < 0 || row >= shape.in.height) continue;
            T row_sum = 0;
            for (int64_t j = 0; j < out.width; ++j) {
                const int64_t column = j * shape.stride.width + q - shape.padding.width;
                if (column < 0 || column >= shape.in.width) continue;
                const T a = prologue(
                    x[((n * shape.in.height + row) * shape.in.width + column) * channels + channel], channel);
                const int64_t pixel = (n * out.height + i) * out.width + j;
                row_sum = multiply_add(g(pixel * channels + channel, channel), a, row_sum);
            }
            image_sum += row_sum;
        }
        sum += image_sum;
    }
    d_weight(index, sum);
}

template <class T>
void run_d_x(const ConvBackward& args, const Gradient& d_a) {
    const int64_t count = args.shape.in_pixels() * args.shape.in_channels;
    launch(d_x_elements<T>, blocks_for(count, threads), threads, 0, stream(), args.shape, args.shape.out(),
           UpstreamOn<T>(args), static_cast<const T*>(args.weight), GradientWriter<T>(d_a), count);
}

}  // namespace

void depthwise_forward_direct(const ConvForward& args, Context& context) {
    const int64_t channels = args.shape.out_channels;
    const int64_t count = args.shape.out_pixels() * channels;
    if (count == 0) return;
    dispatch_float(args.dtype, [&]<class T>() {
        T* y = static_cast<T*>(args.y);
        launch(forward_elements<T>, blocks_for(count, threads), threads, 0, stream(), args.shape,
               args.shape.out(), static_cast<const T*>(args.x), static_cast<const T*>(args.weight),
               static_cast<const T*>(args.bias), PrologueOn<T>(args.prologue), y, count);
        if (!args.epilogue.plain())
            channel_moments<T>(y, args.shape.out_pixels(), channels, static_cast<T*>(args.epilogue.mean),
                               static_cast<T*>(args.epilogue.m2), context);
    });
}

void depthwise_backward_direct(const ConvBackward& args, Context& context) {
    const int64_t count = args.shape.in_pixels() * args.shape.in_channels;
    if (count == 0) return;
    dispatch_float(args.dtype, [&]<class T>() {
        if (args.prologue.plain()) {
            if (args.d_x) run_d_x<T>(args, args.d_x);
        } else if (args.d_x || args.d_scale || args.d_shift) {
            T* d_a = context.scratch.take<T>(count);
            run_d_x<T>(args, {d_a, GradMode::write});
            prologue_gradient(args, d_a, context);
        }
        const int64_t weights = args.shape.weight_count();
        if (args.d_weight)
            launch(d_weight_elements<T>, blocks_for(weights, threads), threads, 0, stream(), args.shape,
                   args.shape.out(), static_cast<const T*>(args.x), PrologueOn<T>(args.prologue),
                   UpstreamOn<T>(args), GradientWriter<T>(args.d_weight), weights);
    });
}

}  // namespace vitrine::VITRINE_GPU
