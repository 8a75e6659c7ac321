// Depthwise convolution of any shape: one thread an output. The two lower rungs.
//
// direct    One thread an element. Bytes asked for, f32: forward, an output element: 4 · taps of x, 4 · taps
//           of weight, 4 of y. Neighbouring threads have neighbouring channels, so each request is whole, but
//           every element of x is asked for by all taps that it meets (9 times with a 3×3 kernel of stride
//           1), and goes through the prologue as often. d_x alike. d_weight: x and d_y once a tap, by no more
//           threads than there are weights, far too few to fill a GPU.
// gather    The same elements, but 16 bytes at once: a quarter of the requests and of the index arithmetic.
//           d_weight by chunks of rows, as many as fill a GPU, whose sums a second stage adds up.
//
// What belongs to a channel, of a prologue and of what the epilogue adds to g, a thread loads once. Counted by
// gradcheck --report for a layer of MobileNetV2 in f32, [28, 28, 192]: without them both move 9.0 times the least
// forward and about 12 times backward; with both 10.6 times forward, and backward 15.1 gather and 14.6 direct.
//
// What comes next, the rows of depthwise_forward.cu and depthwise_backward.cu, asks for each element once.

#include <algorithm>
#include <array>

#include "kernels/cuda/channel_sums.h"
#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/depthwise_conv.h"
#include "kernels/cuda/depthwise_lanes.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;

/// Where an array [images, rows, columns, channels] has the N channels of a thread.
template <int N>
struct Position {
    int64_t channel;
    int64_t column;
    int64_t row;
    int64_t image;

    __device__ __forceinline__ Position(int64_t thread, const Size2& size, int64_t channels) {
        const int64_t pixel = thread / (channels / N);
        const int64_t image_row = pixel / size.width;
        channel = (thread - pixel * (channels / N)) * N;
        column = pixel - image_row * size.width;
        image = image_row / size.height;
        row = image_row - image * size.height;
    }
};

__device__ __forceinline__ int64_t index_of(int64_t image, int64_t row, int64_t column, const Size2& size,
                                            int64_t channels, int64_t channel) {
    return ((image * size.height + row) * size.width + column) * channels + channel;
}

/// sum + a · b in each lane.
template <class T, int N>
__device__ __forceinline__ void accumulate(Lanes<T, N>& sum, const Lanes<T, N>& a, const Lanes<T, N>& b) {
    VITRINE_UNROLL
    for (int k = 0; k < N; ++k) sum[k] = multiply_add(a[k], b[k], sum[k]);
}
template <class T, int N>
__device__ __forceinline__ void add(Lanes<T, N>& sum, const Lanes<T, N>& more) {
    VITRINE_UNROLL
    for (int k = 0; k < N; ++k) sum[k] += more[k];
}

/// The input after its prologue. What belongs to the thread's N channels is loaded once, 16 bytes at a time: a lane that asks
/// for one value of its four at a time leaves three quarters of every sector to the next requests.
template <class T, int N>
struct InputOfChannels {
    using A = Accumulate<T>;

    ReadOnly<T> x;
    Lanes<A, N> scale, shift;
    Activation activation;

    __device__ __forceinline__ InputOfChannels(ReadOnly<T> of, const PrologueOn<A>& prologue, int64_t channel)
        : x(of),
          scale(prologue.scale == nullptr ? all_lanes<A, N>(A(1)) : load_lanes<N>(prologue.scale + channel)),
          shift(prologue.scale == nullptr ? all_lanes<A, N>(A(0)) : load_lanes<N>(prologue.shift + channel)),
          activation(prologue.activation) {}

    __device__ __forceinline__ Lanes<A, N> operator()(int64_t index) const {
        Lanes<A, N> a = load_lanes<N>(x + index);
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) a[k] = clamped(activation, multiply_add(scale[k], a[k], shift[k]));
        return a;
    }
};

/// The upstream gradient with the epilogue's part, likewise.
template <class T, int N>
struct UpstreamOfChannels {
    using A = Accumulate<T>;

    const T* d_y;
    const T* y;  // null: d_y alone
    Lanes<A, N> mean{}, d_mean{}, d_m2{};

    __device__ __forceinline__ UpstreamOfChannels(const UpstreamOn<T>& upstream, int64_t channel)
        : d_y(upstream.d_y), y(upstream.plain() ? nullptr : upstream.y) {
        if (y == nullptr) return;
        mean = load_lanes<N>(upstream.mean + channel);
        d_mean = load_lanes<N>(upstream.d_mean + channel);
        d_m2 = load_lanes<N>(upstream.d_m2 + channel);
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) {
            d_mean[k] *= upstream.share;
            d_m2[k] *= A(2);
        }
    }

    __device__ __forceinline__ Lanes<A, N> operator()(int64_t index) const {
        Lanes<A, N> g = load_lanes<N>(d_y + index);
        if (y == nullptr) return g;
        const auto of_y = load_lanes<N>(y + index);
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) g[k] = multiply_add(d_m2[k], of_y[k] - mean[k], g[k] + d_mean[k]);
        return g;
    }
};

// x [batch, in_h, in_w, channels], weight [kernel_h, kernel_w, channels], y [batch, out_h, out_w, channels].

/// count: of threads, one for N channels of a pixel. unrounded: take_unrounded().
template <class T, int N>
__global__ void __launch_bounds__(threads, 1)
    gather_y(ConvShape shape, Size2 out, ReadOnly<T> x, ReadOnly<T> weight, ReadOnly<Accumulate<T>> bias,
             PrologueOn<Accumulate<T>> prologue, T* y, Accumulate<T>* unrounded, int64_t count) {
    using A = Accumulate<T>;
    if (thread_index() >= count) return;
    const int64_t channels = shape.in_channels;
    const Position<N> at(thread_index(), out, channels);
    const InputOfChannels<T, N> input(x, prologue, at.channel);
    Lanes<A, N> sum = bias == nullptr ? all_lanes<A, N>(A(0)) : load_lanes<N>(bias + at.channel);
    for (int64_t p = 0; p < shape.kernel.height; ++p) {
        const int64_t row = at.row * shape.stride.height + p - shape.padding.height;
        if (row < 0 || row >= shape.in.height) continue;
        for (int64_t q = 0; q < shape.kernel.width; ++q) {
            const int64_t column = at.column * shape.stride.width + q - shape.padding.width;
            if (column < 0 || column >= shape.in.width) continue;
            const int64_t index = index_of(at.image, row, column, shape.in, channels, at.channel);
            accumulate(sum, load_lanes<N>(weight + (p * shape.kernel.width + q) * channels + at.channel),
                       input(index));
        }
    }
    store_lanes(y + thread_index() * N, sum);
    if (is_half_type<T> && unrounded != nullptr) store_lanes(unrounded + thread_index() * N, sum);
}

/// d_a = Σ weight · g over the windows that hold the pixel. To is T where it is d_x, Accumulate<T> in scratch.
template <class T, int N, class To>
__global__ void __launch_bounds__(threads, 1)
    gather_d_a(ConvShape shape, Size2 out, UpstreamOn<T> upstream, ReadOnly<T> weight, LanesWriter<To> d_a,
               int64_t count) {
    using A = Accumulate<T>;
    if (thread_index() >= count) return;
    const int64_t channels = shape.in_channels;
    const Position<N> at(thread_index(), shape.in, channels);
    const UpstreamOfChannels<T, N> gradient(upstream, at.channel);
    Lanes<A, N> sum = all_lanes<A, N>(A(0));
    // Output row i holds the pixel's row as its row p; the next one that does lies a stride further.
    const int64_t down = at.row + shape.padding.height;
    const int64_t along = at.column + shape.padding.width;
    int64_t i = down / shape.stride.height;
    for (int64_t p = down % shape.stride.height; p < shape.kernel.height; p += shape.stride.height, --i) {
        if (i < 0 || i >= out.height) continue;
        int64_t j = along / shape.stride.width;
        for (int64_t q = along % shape.stride.width; q < shape.kernel.width; q += shape.stride.width, --j) {
            if (j < 0 || j >= out.width) continue;
            accumulate(sum, load_lanes<N>(weight + (p * shape.kernel.width + q) * channels + at.channel),
                       gradient(index_of(at.image, i, j, out, channels, at.channel)));
        }
    }
    d_a(thread_index() * N, sum);
}

/// Rows [chunk · chunk_rows, …) of the batch's output rows, chunk being blockIdx.y; sums [chunks, taps,
/// channels].
///
/// Each row is added up by itself, then the rows of an image, then the images: what float loses in a sum
/// grows with its length.
template <class T, int N>
__global__ void __launch_bounds__(threads, 1)
    gather_d_weight(ConvShape shape, Size2 out, ReadOnly<T> x, PrologueOn<Accumulate<T>> prologue,
                    UpstreamOn<T> upstream, Accumulate<T>* sums, int64_t chunk_rows) {
    using A = Accumulate<T>;
    const int64_t channels = shape.in_channels;
    const int64_t count = shape.kernel.height * shape.kernel.width * (channels / N);
    if (thread_index() >= count) return;
    const Position<N> tap(thread_index(), shape.kernel, channels);
    const InputOfChannels<T, N> input(x, prologue, tap.channel);
    const UpstreamOfChannels<T, N> gradient(upstream, tap.channel);
    const int64_t end = std::min(shape.batch * out.height, (blockIdx.y + 1) * chunk_rows);
    Lanes<A, N> sum = all_lanes<A, N>(A(0));
    Lanes<A, N> image_sum = sum;
    for (int64_t out_row = blockIdx.y * chunk_rows; out_row < end; ++out_row) {
        const int64_t image = out_row / out.height;
        const int64_t row = out_row % out.height * shape.stride.height + tap.row - shape.padding.height;
        Lanes<A, N> row_sum = all_lanes<A, N>(A(0));
        for (int64_t j = 0; row >= 0 && row < shape.in.height && j < out.width; ++j) {
            const int64_t column = j * shape.stride.width + tap.column - shape.padding.width;
            if (column < 0 || column >= shape.in.width) continue;
            const int64_t index = index_of(image, row, column, shape.in, channels, tap.channel);
            const int64_t out_index = (out_row * out.width + j) * channels + tap.channel;
            accumulate(row_sum, gradient(out_index), input(index));
        }
        add(image_sum, row_sum);
        if ((out_row + 1) % out.height != 0 && out_row + 1 < end) continue;
        add(sum, image_sum);
        image_sum = all_lanes<A, N>(A(0));
    }
    store_lanes(sums + blockIdx.y * count * N + thread_index() * N, sum);
}

template <class T, int N>
void run_forward(const ConvForward& args, Context& context) {
    using A = Accumulate<T>;
    const int64_t channels = args.shape.out_channels;
    const int64_t count = args.shape.out_pixels() * channels / N;
    if (count == 0) return;
    A* unrounded = take_unrounded<T>(args, context);
    launch(gather_y<T, N>, blocks_for(count, threads), threads, 0, stream(), args.shape, args.shape.out(),
           static_cast<const T*>(args.x), static_cast<const T*>(args.weight),
           static_cast<const A*>(args.bias), PrologueOn<A>(args.prologue), static_cast<T*>(args.y), unrounded,
           count);
    output_moments(args, unrounded, context);
}

template <class T, int N, class To>
void run_d_a(const ConvBackward& args, const Gradient& d_a) {
    const int64_t count = args.shape.in_pixels() * args.shape.in_channels / N;
    launch(gather_d_a<T, N, To>, blocks_for(count, threads), threads, 0, stream(), args.shape,
           args.shape.out(), UpstreamOn<T>(args), static_cast<const T*>(args.weight), LanesWriter<To>(d_a),
           count);
}

/// d_x, d_scale and d_shift, as far as they are wanted.
template <class T, int N>
void run_input(const ConvBackward& args, Context& context) {
    if (args.prologue.plain()) {
        if (args.d_x) run_d_a<T, N, T>(args, args.d_x);
    } else if (args.d_x || args.d_scale || args.d_shift) {
        using A = Accumulate<T>;
        A* d_a = context.scratch.take<A>(args.shape.in_pixels() * args.shape.in_channels);
        run_d_a<T, N, A>(args, {d_a, GradMode::write});
        prologue_gradient(args, d_a, context);
    }
}

template <class T, int N>
void run_d_weight(const ConvBackward& args, Context& context, int64_t most_chunks) {
    using A = Accumulate<T>;
    const int64_t rows = args.shape.batch * args.shape.out().height;
    const int64_t weights = args.shape.weight_count();
    const int64_t chunk_rows = divide_up(rows, std::clamp<int64_t>(most_chunks, 1, rows));
    const int64_t chunks = divide_up(rows, chunk_rows);
    A* sums = context.scratch.take<A>(chunks * weights);
    dim3 grid = blocks_for(weights / N, threads);
    grid.y = static_cast<unsigned>(chunks);
    launch(gather_d_weight<T, N>, grid, threads, 0, stream(), args.shape, args.shape.out(),
           static_cast<const T*>(args.x), PrologueOn<A>(args.prologue), UpstreamOn<T>(args), sums,
           chunk_rows);
    finish_sums<A>(sums, chunks, weights, std::array{args.d_weight});
}

template <class T, int N>
void run_backward(const ConvBackward& args, Context& context, int64_t most_chunks) {
    if (args.shape.in_pixels() * args.shape.in_channels == 0) return;
    run_input<T, N>(args, context);
    if (args.d_weight) run_d_weight<T, N>(args, context, most_chunks);
}

/// As many as let every weight's threads together fill a GPU, and no more than a grid can have.
int64_t chunks_for(const ConvBackward& args, int lanes) {
    constexpr int64_t threads_wanted = 256 * 1024;
    return std::min<int64_t>(65535, divide_up(threads_wanted * lanes, args.shape.weight_count()));
}

bool packs(const ConvForward& args, int size) {
    return args.shape.in_channels % size == 0 &&
           aligned(args.x, args.weight, args.bias, args.y, args.prologue.scale, args.prologue.shift);
}
bool packs(const ConvBackward& args, int size) {
    return args.shape.in_channels % size == 0 &&
           aligned(args.x, args.weight, args.d_y, args.y, args.d_x.data, args.prologue.scale,
                   args.prologue.shift, args.mean, args.d_mean, args.d_m2);
}

}  // namespace

void depthwise_forward_direct(const ConvForward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() { run_forward<T, 1>(args, context); });
}

void depthwise_backward_direct(const ConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() { run_backward<T, 1>(args, context, 1); });
}

void depthwise_forward_gather(const ConvForward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        constexpr int size = Pack<T>::size;
        packs(args, size) ? run_forward<T, size>(args, context) : run_forward<T, 1>(args, context);
    });
}

void depthwise_backward_gather(const ConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        constexpr int size = Pack<T>::size;
        packs(args, size) ? run_backward<T, size>(args, context, chunks_for(args, size))
                          : run_backward<T, 1>(args, context, chunks_for(args, 1));
    });
}

}  // namespace vitrine::VITRINE_GPU
