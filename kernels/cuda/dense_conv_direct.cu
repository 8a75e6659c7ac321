// Dense convolution, the naive rungs: one thread an element of what is computed, whatever the shape.
//
// K = kernel_height · kernel_width · in / groups multiply-adds an output element, 2 · M · K · out FLOPs,
// where M are the output pixels. Bytes asked for, f32:
//     forward     8 a multiply-add: 4 of x, which a warp asks for once (its threads are the channels of one
//                 pixel), and 4 of the weight, where neighbouring threads are 4 · K bytes apart: a sector each
//     d_x         8 a multiply-add: 4 of g (8 with an epilogue), 4 of the weight, whose channels lie in a row
//     d_weight    the same, of x and g
// So the caches, not the multipliers, set the pace: 8 bytes a multiply-add where a tile of registers and
// shared memory (dense_conv_gemm.h) asks for less than a tenth of that.
//
// d_weight has a second rung. One thread a weight is far too few to fill a GPU (864 in MobileNetV2's stem)
// and each walks through every pixel of the batch; cut into chunks of pixels there are enough, for 4 bytes
// written and read again a weight and chunk.

#include "kernels/cuda/dense_conv_direct.h"

#include <algorithm>

#include "kernels/cuda/channel_sums.h"
#include "kernels/cuda/conv_parts.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;
constexpr int blocks = 2;  // a multiprocessor has registers for: 128 a thread, so that nothing spills

/// A ConvShape with what follows from it.
struct Geometry : ConvShape {
    Size2 out;
    int64_t group_in;   // input channels of a group
    int64_t group_out;  // output channels of a group

    explicit Geometry(const ConvShape& shape)
        : ConvShape(shape),
          out(shape.out()),
          group_in(in_channels / groups),
          group_out(out_channels / groups) {}
};

struct Pixel {
    int64_t image;
    int64_t row;
    int64_t column;
};

__device__ __forceinline__ Pixel pixel_at(int64_t index, const Size2& size) {
    const int64_t line = index / size.width;
    const int64_t image = line / size.height;
    return {image, line - image * size.height, index - line * size.width};
}
/// The next one, as memory lies.
__device__ __forceinline__ void advance(Pixel& pixel, const Size2& size) {
    if (++pixel.column < size.width) return;
    pixel.column = 0;
    if (++pixel.row < size.height) return;
    pixel.row = 0;
    ++pixel.image;
}
__device__ __forceinline__ int64_t index_of(const Pixel& pixel, const Size2& size) {
    return (pixel.image * size.height + pixel.row) * size.width + pixel.column;
}
__device__ __forceinline__ bool is_inside(const Pixel& pixel, const Size2& size) {
    return pixel.row >= 0 && pixel.row < size.height && pixel.column >= 0 && pixel.column < size.width;
}

/// The input pixel under tap (p, q) of an output pixel's window; it may lie in the padding.
__device__ __forceinline__ Pixel under_tap(const Geometry& s, const Pixel& out, int64_t p, int64_t q) {
    return {out.image, out.row * s.stride.height + p - s.padding.height,
            out.column * s.stride.width + q - s.padding.width};
}

// x [batch, in, in_channels], weight [out_channels, kernel, group_in], y [batch, out, out_channels].

/// unrounded: take_unrounded().
template <class T>
__global__ void __launch_bounds__(threads, blocks)
    forward_elements(Geometry s, ReadOnly<T> x, ReadOnly<T> weight, ReadOnly<Accumulate<T>> bias,
                     PrologueOn<Accumulate<T>> prologue, T* y, Accumulate<T>* unrounded, int64_t count) {
    using A = Accumulate<T>;
    const int64_t index = thread_index();
    if (index >= count) return;
    const int64_t pixel = index / s.out_channels;
    const int64_t o = index - pixel * s.out_channels;
    const Pixel out = pixel_at(pixel, s.out);
    const int64_t first_channel = o / s.group_out * s.group_in;
    A sum = bias == nullptr ? A(0) : bias[o];
    for (int64_t p = 0; p < s.kernel.height; ++p) {
        for (int64_t q = 0; q < s.kernel.width; ++q) {
            const Pixel in = under_tap(s, out, p, q);
            if (!is_inside(in, s.in)) continue;
            const ReadOnly<T> from = x + index_of(in, s.in) * s.in_channels + first_channel;
            const ReadOnly<T> weights =
                weight + ((o * s.kernel.height + p) * s.kernel.width + q) * s.group_in;
            for (int64_t c = 0; c < s.group_in; ++c)
                sum = multiply_add(load_value(weights + c), prologue(load_value(from + c), first_channel + c),
                                   sum);
        }
    }
    store_value(y + index, sum);
    if (is_half_type<T> && unrounded != nullptr) unrounded[index] = sum;
}

/// d_a = Σ weight · g over the windows that hold the pixel. To is T where it is d_x, Accumulate<T> in scratch.
template <class T, class To>
__global__ void __launch_bounds__(threads, blocks)
    d_x_elements(Geometry s, UpstreamOn<T> g, ReadOnly<T> weight, GradientWriter<To> d_a, int64_t count) {
    const int64_t index = thread_index();
    if (index >= count) return;
    const int64_t channel = index % s.in_channels;
    const Pixel in = pixel_at(index / s.in_channels, s.in);
    const int64_t c = channel % s.group_in;
    const int64_t first_out = channel / s.group_in * s.group_out;
    Accumulate<T> sum = 0;
    for (int64_t p = 0; p < s.kernel.height; ++p) {
        const int64_t down = in.row + s.padding.height - p;
        if (down < 0 || down % s.stride.height != 0) continue;
        for (int64_t q = 0; q < s.kernel.width; ++q) {
            const int64_t along = in.column + s.padding.width - q;
            if (along < 0 || along % s.stride.width != 0) continue;
            const Pixel out{in.image, down / s.stride.height, along / s.stride.width};
            if (!is_inside(out, s.out)) continue;
            const int64_t first = index_of(out, s.out) * s.out_channels;
            for (int64_t o = first_out; o < first_out + s.group_out; ++o)
                sum = multiply_add(
                    load_value(weight + (((o * s.kernel.height + p) * s.kernel.width + q) * s.group_in + c)),
                    g(first + o, o), sum);
        }
    }
    d_a(index, sum);
}

/// Σ g · a of one weight over the output pixels first … end. What float loses in a sum grows with its length:
/// runs of 256 pixels are added up by themselves first.
template <class T>
__device__ __forceinline__ Accumulate<T> sum_pixels(const Geometry& s, ReadOnly<T> x,
                                                    const PrologueOn<Accumulate<T>>& prologue,
                                                    const UpstreamOn<T>& g, int64_t weight_index,
                                                    int64_t first, int64_t end) {
    using A = Accumulate<T>;
    constexpr int64_t run = 256;
    const int64_t tap = weight_index / s.group_in;
    const int64_t o = tap / s.kernel.width / s.kernel.height;
    const int64_t p = tap / s.kernel.width % s.kernel.height, q = tap % s.kernel.width;
    const int64_t channel = o / s.group_out * s.group_in + weight_index % s.group_in;
    Pixel out = pixel_at(first, s.out);
    A sum = 0;
    while (first < end) {
        const int64_t run_end = first + run < end ? first + run : end;
        A run_sum = 0;
        for (; first < run_end; ++first, advance(out, s.out)) {
            const Pixel in = under_tap(s, out, p, q);
            if (!is_inside(in, s.in)) continue;
            const A a = prologue(load_value(x + (index_of(in, s.in) * s.in_channels + channel)), channel);
            run_sum = multiply_add(g(first * s.out_channels + o, o), a, run_sum);
        }
        sum += run_sum;
    }
    return sum;
}

template <class T>
__global__ void __launch_bounds__(threads, blocks)
    d_weight_elements(Geometry s, ReadOnly<T> x, PrologueOn<Accumulate<T>> prologue, UpstreamOn<T> g,
                      GradientWriter<Accumulate<T>> d_weight, int64_t pixels, int64_t weights) {
    const int64_t index = thread_index();
    if (index < weights) d_weight(index, sum_pixels(s, x, prologue, g, index, 0, pixels));
}

/// partials [chunks, weights]
template <class T>
__global__ void __launch_bounds__(threads, blocks)
    d_weight_chunks(Geometry s, ReadOnly<T> x, PrologueOn<Accumulate<T>> prologue, UpstreamOn<T> g,
                    Accumulate<T>* partials, int64_t pixels, int64_t chunk_pixels, int64_t weights,
                    int64_t count) {
    const int64_t index = thread_index();
    if (index >= count) return;
    const int64_t first = index / weights * chunk_pixels;
    const int64_t end = first + chunk_pixels < pixels ? first + chunk_pixels : pixels;
    partials[index] = sum_pixels(s, x, prologue, g, index % weights, first, end);
}

template <class T>
const T* typed(const void* data) {
    return static_cast<const T*>(data);
}

template <class T, class To>
void run_d_x(const ConvBackward& args, const Gradient& d_a) {
    const int64_t count = args.shape.in_pixels() * args.shape.in_channels;
    if (count == 0) return;
    launch(d_x_elements<T, To>, blocks_for(count, threads), threads, 0, stream(), Geometry(args.shape),
           UpstreamOn<T>(args), typed<T>(args.weight), GradientWriter<To>(d_a), count);
}

/// d_x, d_scale and d_shift: with a prologue, d_a waits in scratch for a pass of its own.
template <class T>
void run_input_gradients(const ConvBackward& args, Context& context) {
    if (args.prologue.plain()) {
        if (args.d_x) run_d_x<T, T>(args, args.d_x);
        return;
    }
    if (!args.d_x && !args.d_scale && !args.d_shift) return;
    using A = Accumulate<T>;
    A* d_a = context.scratch.take<A>(args.shape.in_pixels() * args.shape.in_channels);
    run_d_x<T, A>(args, {d_a, GradMode::write});
    prologue_gradient(args, d_a, context);
}

template <class T>
void run_d_weight(const ConvBackward& args) {
    const int64_t weights = args.shape.weight_count();
    launch(d_weight_elements<T>, blocks_for(weights, threads), threads, 0, stream(), Geometry(args.shape),
           typed<T>(args.x), PrologueOn<Accumulate<T>>(args.prologue), UpstreamOn<T>(args),
           GradientWriter<Accumulate<T>>(args.d_weight), args.shape.out_pixels(), weights);
}

/// Enough chunks for half a million threads, which fill any GPU, but none of less than 64 pixels.
int64_t pixels_of_chunk(int64_t pixels, int64_t weights) {
    const int64_t chunks = divide_up(int64_t{1} << 19, weights);
    return std::max(int64_t{64}, divide_up(pixels, chunks));
}

template <class T>
void run_d_weight_chunks(const ConvBackward& args, Context& context) {
    using A = Accumulate<T>;
    const int64_t pixels = args.shape.out_pixels(), weights = args.shape.weight_count();
    const int64_t chunk_pixels = pixels_of_chunk(pixels, weights);
    const int64_t chunks = divide_up(pixels, chunk_pixels);
    A* partials = context.scratch.take<A>(chunks * weights);
    if (chunks > 0)
        launch(d_weight_chunks<T>, blocks_for(chunks * weights, threads), threads, 0, stream(),
               Geometry(args.shape), typed<T>(args.x), PrologueOn<A>(args.prologue), UpstreamOn<T>(args),
               partials, pixels, chunk_pixels, weights, chunks * weights);
    const Gradient gradients[]{args.d_weight};
    finish_sums<A>(partials, chunks, weights, gradients);
}

}  // namespace

void dense_forward_direct(const ConvForward& args, Context& context) {
    const int64_t pixels = args.shape.out_pixels(), channels = args.shape.out_channels;
    if (pixels * channels == 0) return;
    dispatch_storage(args.dtype, [&]<class T>() {
        using A = Accumulate<T>;
        A* unrounded = take_unrounded<T>(args, context);
        launch(forward_elements<T>, blocks_for(pixels * channels, threads), threads, 0, stream(),
               Geometry(args.shape), typed<T>(args.x), typed<T>(args.weight), typed<A>(args.bias),
               PrologueOn<A>(args.prologue), static_cast<T*>(args.y), unrounded, pixels * channels);
        output_moments(args, unrounded, context);
    });
}

void dense_backward_direct(const ConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        run_input_gradients<T>(args, context);
        if (args.d_weight) run_d_weight<T>(args);
        bias_gradient(args, context);
    });
}

void dense_backward_direct_chunks(const ConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        run_input_gradients<T>(args, context);
        if (args.d_weight) run_d_weight_chunks<T>(args, context);
        bias_gradient(args, context);
    });
}

}  // namespace vitrine::VITRINE_GPU
