// The moments of an expansion from those of its input (kernels/expanded_conv.h), plainly: a block sums up over the pixels for
// one number of μ or S, a thread makes one number of everything else. All sums are in f64, rounded where they are stored.

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/expansion_moments.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 128;

/// a = activation(u), u = scale · x + shift, of rows of `narrow` channels.
template <class T>
struct NarrowRows {
    const T* x;
    PrologueOn<Accumulate<T>> prologue;
    int64_t narrow;

    template <class Args>
    explicit NarrowRows(const Args& args)
        : x(static_cast<const T*>(args.x)), prologue(args.prologue), narrow(args.narrow) {}

    __device__ __forceinline__ double value(int64_t pixel, int64_t k) const {
        return static_cast<double>(load_value(x + pixel * narrow + k));
    }
    __device__ __forceinline__ double before_activation(int64_t pixel, int64_t k) const {
        if (prologue.scale == nullptr) return value(pixel, k);
        return static_cast<double>(prologue.scale[k]) * value(pixel, k) +
               static_cast<double>(prologue.shift[k]);
    }
    __device__ __forceinline__ double a(int64_t pixel, int64_t k) const {
        return clamped(prologue.activation, before_activation(pixel, k));
    }
};

/// a of windows, which have no prologue.
template <class T>
struct WindowRows {
    const T* x;
    InputWindows windows;

    explicit WindowRows(const ExpansionMomentsForward& args)
        : x(static_cast<const T*>(args.x)), windows(args.windows) {}

    /// Number k of window `pixel`, which all images have as many of.
    __device__ __forceinline__ double a(int64_t pixel, int64_t k) const {
        const Size2 in = windows.in;
        const int64_t rows =
            windows_along(in.height, windows.kernel.height, windows.stride.height, windows.padding.height);
        const int64_t columns =
            windows_along(in.width, windows.kernel.width, windows.stride.width, windows.padding.width);
        const int64_t of_row = pixel / columns, tap = k / windows.channels;
        const int64_t h =
            of_row % rows * windows.stride.height + tap / windows.kernel.width - windows.padding.height;
        const int64_t w =
            pixel % columns * windows.stride.width + tap % windows.kernel.width - windows.padding.width;
        if (h < 0 || h >= in.height || w < 0 || w >= in.width) return 0;
        const int64_t row = of_row / rows * in.height + h;
        return static_cast<double>(
            load_value(x + (row * in.width + w) * windows.channels + k % windows.channels));
    }
    static __device__ __forceinline__ int64_t windows_along(int64_t in, int64_t kernel, int64_t stride,
                                                            int64_t padding) {
        return (in + 2 * padding - kernel) / stride + 1;
    }
};

/// μ: a block for each channel k.
template <class T, class Rows>
__global__ void __launch_bounds__(threads) centre_of_channel(ExpansionMomentsForward args, Rows rows) {
    const int64_t k = blockIdx.x;
    double sum = 0;
    for (int64_t pixel = threadIdx.x; pixel < args.pixels; pixel += threads) sum += rows.a(pixel, k);
    sum = reduce_block<threads>(sum, Add());
    using A = Accumulate<T>;
    if (threadIdx.x == 0)
        static_cast<A*>(args.centre)[k] = static_cast<A>(sum / static_cast<double>(args.pixels));
}

/// S: a block for each pair (j, k).
template <class T, class Rows>
__global__ void __launch_bounds__(threads) scatter_of_pair(ExpansionMomentsForward args, Rows rows) {
    using A = Accumulate<T>;
    const int64_t j = blockIdx.x / args.narrow, k = blockIdx.x % args.narrow;
    const double centre_j = at<A>(args.centre, j), centre_k = at<A>(args.centre, k);
    double sum = 0;
    for (int64_t pixel = threadIdx.x; pixel < args.pixels; pixel += threads)
        sum += (rows.a(pixel, j) - centre_j) * (rows.a(pixel, k) - centre_k);
    sum = reduce_block<threads>(sum, Add());
    if (threadIdx.x == 0) static_cast<A*>(args.scatter)[j * args.narrow + k] = static_cast<A>(sum);
}

/// (S w_o)_j
template <class T>
__device__ __forceinline__ double scattered(const void* scatter, const T* w_o, int64_t j, int64_t narrow) {
    double sum = 0;
    for (int64_t k = 0; k < narrow; ++k)
        sum += at<Accumulate<T>>(scatter, j * narrow + k) * static_cast<double>(load_value(w_o + k));
    return sum;
}

/// mean_o = w_o · μ and m2_o = w_oᵀ S w_o, a thread for each o.
template <class T>
__global__ void __launch_bounds__(threads) moments_of_channel(ExpansionMomentsForward args) {
    using A = Accumulate<T>;
    const int64_t o = thread_index();
    if (o >= args.channels) return;
    const T* w_o = static_cast<const T*>(args.expansion) + o * args.narrow;
    double mean = 0, m2 = 0;
    for (int64_t j = 0; j < args.narrow; ++j) {
        const double w = static_cast<double>(load_value(w_o + j));
        mean += w * at<A>(args.centre, j);
        m2 += w * scattered(args.scatter, w_o, j, args.narrow);
    }
    static_cast<A*>(args.mean)[o] = static_cast<A>(mean);
    // S is rounded, so that of a channel that does not spread a little less than nothing may be left.
    static_cast<A*>(args.m2)[o] = static_cast<A>(m2 < 0 ? 0.0 : m2);
}

/// d_w_o = d_mean_o · μ + 2 · d_m2_o · S w_o, a thread for each element.
template <class T>
__global__ void __launch_bounds__(threads)
    expansion_gradient(ExpansionMomentsBackward args, GradientWriter<Accumulate<T>> d_expansion) {
    using A = Accumulate<T>;
    const int64_t i = thread_index();
    if (i >= args.channels * args.narrow) return;
    const int64_t o = i / args.narrow, j = i % args.narrow;
    const T* w_o = static_cast<const T*>(args.expansion) + o * args.narrow;
    const double from_m2 = 2 * at<A>(args.d_m2, o) * scattered(args.scatter, w_o, j, args.narrow);
    d_expansion(i, static_cast<A>(at<A>(args.d_mean, o) * at<A>(args.centre, j) + from_m2));
}

/// What d_a is made of: slope_jk = Σ_o 2 · d_m2_o · w_oj · w_ok, and behind it level_j = Σ_o w_oj · d_mean_o / M; a thread
/// for each number.
template <class T>
__global__ void __launch_bounds__(threads) coefficients(ExpansionMomentsBackward args, double* slope) {
    using A = Accumulate<T>;
    const int64_t i = thread_index(), narrow = args.narrow;
    if (i >= narrow * narrow + narrow) return;
    const bool is_level = i >= narrow * narrow;
    const int64_t j = is_level ? i - narrow * narrow : i / narrow, k = i % narrow;
    const T* w = static_cast<const T*>(args.expansion);
    double sum = 0;
    for (int64_t o = 0; o < args.channels; ++o) {
        const double w_j = static_cast<double>(load_value(w + o * narrow + j));
        if (is_level) {
            sum += w_j * at<A>(args.d_mean, o) / static_cast<double>(args.pixels);
        } else {
            sum += 2 * at<A>(args.d_m2, o) * w_j * static_cast<double>(load_value(w + o * narrow + k));
        }
    }
    slope[i] = sum;
}

/// d_u of channel j at a pixel: d_a_j = level_j + Σ_k slope_jk · (a_k − μ_k), then through the activation.
template <class T>
__device__ __forceinline__ double gradient_before_activation(const ExpansionMomentsBackward& args,
                                                             const NarrowRows<T>& rows, const double* slope,
                                                             int64_t pixel, int64_t j) {
    const int64_t narrow = args.narrow;
    double d_a = slope[narrow * narrow + j];
    for (int64_t k = 0; k < narrow; ++k)
        d_a += slope[j * narrow + k] * (rows.a(pixel, k) - at<Accumulate<T>>(args.centre, k));
    return inside_clamp(args.prologue.activation, rows.before_activation(pixel, j)) ? d_a : 0.0;
}

/// A block for each channel of x: d_x of all its pixels, and the sums for scale and shift.
template <class T>
__global__ void __launch_bounds__(threads)
    input_gradient(ExpansionMomentsBackward args, NarrowRows<T> rows, const double* slope,
                   GradientWriter<T> d_x, GradientWriter<Accumulate<T>> d_scale,
                   GradientWriter<Accumulate<T>> d_shift) {
    using A = Accumulate<T>;
    const int64_t j = blockIdx.x;
    const double scale = args.prologue.scale == nullptr ? 1.0 : at<A>(args.prologue.scale, j);
    double scale_sum = 0, shift_sum = 0;
    for (int64_t pixel = threadIdx.x; pixel < args.pixels; pixel += threads) {
        const double d_u = gradient_before_activation(args, rows, slope, pixel, j);
        scale_sum += d_u * rows.value(pixel, j);
        shift_sum += d_u;
        const int64_t i = pixel * args.narrow + j;
        const double so_far = args.d_x_so_far == nullptr ? 0.0 : at<A>(args.d_x_so_far, i);
        if (d_x) d_x(i, static_cast<A>(so_far + scale * d_u));
    }
    scale_sum = reduce_block<threads>(scale_sum, Add());
    shift_sum = reduce_block<threads>(shift_sum, Add());
    if (threadIdx.x != 0) return;
    if (d_scale) d_scale(j, static_cast<A>(scale_sum));
    if (d_shift) d_shift(j, static_cast<A>(shift_sum));
}

/// μ and S.
template <class T, class Rows>
void run_sums(const ExpansionMomentsForward& args) {
    const auto narrow = static_cast<unsigned>(args.narrow);
    const Rows rows(args);
    launch(centre_of_channel<T, Rows>, narrow, threads, 0, stream(), args, rows);
    launch(scatter_of_pair<T, Rows>, narrow * narrow, threads, 0, stream(), args, rows);
}

constexpr auto run_forward = all_types([]<class T>(const ExpansionMomentsForward& args, Context&) {
    args.windows.there() ? run_sums<T, WindowRows<T>>(args) : run_sums<T, NarrowRows<T>>(args);
    launch(moments_of_channel<T>, blocks_for(args.channels, threads), threads, 0, stream(), args);
});

constexpr auto run_backward = all_types([]<class T>(const ExpansionMomentsBackward& args, Context& context) {
    using A = Accumulate<T>;
    const int64_t narrow = args.narrow, numbers = narrow * narrow + narrow;
    if (args.d_expansion)
        launch(expansion_gradient<T>, blocks_for(args.channels * narrow, threads), threads, 0, stream(), args,
               GradientWriter<A>(args.d_expansion));
    if (!args.d_x && !args.d_scale && !args.d_shift) return;
    double* slope = context.scratch.take<double>(numbers);
    launch(coefficients<T>, blocks_for(numbers, threads), threads, 0, stream(), args, slope);
    launch(input_gradient<T>, static_cast<unsigned>(narrow), threads, 0, stream(), args, NarrowRows<T>(args),
           slope, GradientWriter<T>(args.d_x), GradientWriter<A>(args.d_scale),
           GradientWriter<A>(args.d_shift));
});

constexpr Implementation<ExpansionMomentsForward> forward_list[]{
    {"windows", refuses_window_moments, window_moments, StorageTypes::all},
    {"tiled", refuses_curve<ExpansionMomentsForward, refuses_tiled_moments>, expansion_moments_tiled,
     StorageTypes::all},
    {"naive", refuses_curve<ExpansionMomentsForward, refuses_windows>, run_forward}};
constexpr Implementation<ExpansionMomentsBackward> backward_list[]{
    {"half_tiled", refuses_curve<ExpansionMomentsBackward, refuses_half_moments>, expansion_moments_half,
     StorageTypes::all},
    {"tiled", refuses_curve<ExpansionMomentsBackward, refuses_tiled_moments>, expansion_moments_tiled,
     StorageTypes::all},
    {"naive", refuses_curve<ExpansionMomentsBackward, refuses_windows>, run_backward}};

}  // namespace

const Kernel<ExpansionMomentsForward> expansion_moments_forward{"expansion_moments_forward", forward_list};
const Kernel<ExpansionMomentsBackward> expansion_moments_backward{"expansion_moments_backward",
                                                                  backward_list};

}  // namespace vitrine::VITRINE_GPU
