// Depthwise convolution backward, walking down the rows: d_x and d_weight from one reading of x and d_y.
//
// A block (depthwise_walk.h) loads each row of g (d_y with the epilogue's part) once and shares it through
// shared memory. A thread owns stride neighbouring columns of x and what belongs to them:
//
//     d_a       g row i is part of x rows stride · i + p − padding, p = 0 … kernel − 1: that many sums are
//               under way; with row i the first `stride` of them are complete
//     d_weight  the same g row meets the same x rows: the sum of g · a for every tap stays in registers for
//               the whole walk, and the rows of x in a ring, so that neither is read once a tap
//
// so both gradients want the same values at the same time, and each can be left out. d_u, d_x, and the sums
// for d_scale and d_shift follow where a row of d_a is complete: x is at hand.
//
// Bytes asked for, f32, an element of x at stride 1: 4 of x, 4 of d_x, 4 of d_y (and 4 of y, with statistics)
// · (1 + (kernel − 1) / tile columns) · (1 + (kernel − 1) / strip rows): 12 in all, where two kernels, one
// for each gradient, take 16, or 20 with a prologue. At stride 2 the part of d_y is a quarter. 4 · kernel² /
// stride² FLOPs an element of x.
//
// Sums over pixels: in each thread over the rows of its strips, then over the columns of the block by
// halving, then over the blocks in their order: always the same bits.

#include "kernels/cuda/channel_last.h"
#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/depthwise_conv.h"
#include "kernels/cuda/depthwise_input.h"
#include "kernels/cuda/depthwise_walk.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// What becomes of the sums of a channel: those of the weights, then d_scale and d_shift.
template <class T>
struct PutWalkSums {
    GradientWriter<T> d_weight{Gradient{}};
    GradientWriter<T> d_scale{Gradient{}};
    GradientWriter<T> d_shift{Gradient{}};
    int taps = 0;  // 0: no weights
    int64_t channels = 0;

    PutWalkSums() = default;
    PutWalkSums(const ConvBackward& args, int rows_of_weights)
        : d_weight(args.d_weight),
          d_scale(args.d_scale),
          d_shift(args.d_shift),
          taps(rows_of_weights),
          channels(args.shape.in_channels) {}

    __device__ __forceinline__ void operator()(int row, int64_t channel, T sum) const {
        if (row < taps) {
            d_weight(row * channels + channel, sum);
            return;
        }
        const GradientWriter<T>& gradient = row == taps ? d_scale : d_shift;
        if (gradient) gradient(channel, sum);
    }
};

/// x, d_x [batch, in_height, in_width, channels], d_y, y [batch, out_height, out_width, channels], weight
/// [kernel, kernel, channels].
///
/// The walk's rows and columns are those of g as far as x goes: its row i stands for the padded rows stride ·
/// (first_row + i) … of x, `stride` of them.
template <class T>
struct BackwardArrays {
    const T* x;  // null: nobody needs it
    const T* weight;
    PrologueOn<T> prologue;
    UpstreamOn<T> upstream;
    LanesWriter<T> d_x;
    LastSums<T, PutWalkSums<T>> sums;
    bool prologue_sums;  // whether d_scale and d_shift are among them
    int in_height;
    int in_width;
    int out_height;
    int out_width;
    int padding_height;
    int padding_width;
    int first_row;
    int first_column;
};

/// What a kernel computes: at least one of the two.
template <class Shape, bool input, bool weight>
struct BackwardParts {
    using T = typename Shape::T;
    static constexpr int stride = Shape::stride;
    static constexpr int kernel = Shape::kernel;
    static constexpr bool with_input = input;
    static constexpr bool with_weight = weight;

    /// Rows of g in a stage: two rows of x in any case.
    static constexpr int rows = 2 / stride;
    /// Padded rows of x that must be at hand beyond those that a row of g completes.
    static constexpr int ahead = with_weight ? kernel - stride : 0;

    using Stage = RowStage<Shape, UpstreamGradient<T, Shape::load_width>, rows, 1, Shape::reach>;
    static constexpr int scale_row = Shape::taps;  // of the parameters; the weights come first
    static constexpr int mean_row = Shape::taps + 2;
    using BlockParameters = Parameters<Shape, Shape::taps + 5>;
    static constexpr int sum_values = (weight ? Shape::taps : 2) * walk_threads / 2 * Shape::width;
    static constexpr int shared_values = std::max(2 * Stage::values, sum_values);
};

/// The columns of x that a thread owns: stride of them.
template <class Shape>
struct InputColumns {
    using Values = Lanes<typename Shape::T, Shape::width>;

    int first;  // column of the image, may be outside
    int width;  // of the image

    __device__ __forceinline__ bool inside(int e) const { return first + e >= 0 && first + e < width; }
};

/// Rows [low, high) are the padded rows of x that belong to the strip and to the image.
struct InputRows {
    int low;
    int high;

    __device__ __forceinline__ bool inside(int row) const { return row >= low && row < high; }
};

/// Rows of x in registers. While row i of g is used, which is row `step` of its stage, row stride · step + k
/// of the ring is the padded row stride · i + k.
template <class Parts, class Shape>
class InputRing {
    static constexpr int stride = Shape::stride;
    static constexpr int fresh_rows = stride * Parts::rows;
    static constexpr int kept_rows = Parts::ahead;

  public:
    using Values = Lanes<typename Shape::T, Shape::width>;

    /// Starts loading what take() will append: padded rows first, first + 1 … as far as they are inside.
    /// place: of the thread's first column in padded row 0, in x.
    __device__ __forceinline__ void fetch(const typename Shape::T* x, int place, int image_row, int channels,
                                          int first, const InputRows& rows,
                                          const InputColumns<Shape>& columns) {
        VITRINE_UNROLL
        for (int row = 0; row < fresh_rows; ++row) {
            VITRINE_UNROLL
            for (int e = 0; e < stride; ++e) {
                if (rows.inside(first + row) && columns.inside(e))
                    fresh_[row][e] =
                        load_lanes<Shape::width>(x + (place + (first + row) * image_row + e * channels));
            }
        }
    }

    __device__ __forceinline__ void take() {
        VITRINE_UNROLL
        for (int e = 0; e < stride; ++e) {
            VITRINE_UNROLL
            for (int row = 0; row < kept_rows; ++row) rows_[row][e] = rows_[row + fresh_rows][e];
            VITRINE_UNROLL
            for (int row = 0; row < fresh_rows; ++row) rows_[kept_rows + row][e] = fresh_[row][e];
        }
    }

    __device__ __forceinline__ const Values& operator()(int row, int e) const { return rows_[row][e]; }

  private:
    Values fresh_[static_cast<size_t>(fresh_rows)][static_cast<size_t>(stride)] = {};
    Values rows_[static_cast<size_t>(kept_rows + fresh_rows)][static_cast<size_t>(stride)] = {};
};

/// The prologue of a thread's channels, and its derivative.
template <class Shape>
struct ThreadPrologue {
    using T = typename Shape::T;
    using Values = Lanes<T, Shape::width>;

    Activation activation;
    Values scale;
    Values shift;

    /// parameters: scale and shift in shared memory.
    __device__ __forceinline__ ThreadPrologue(Activation activation_, const T* parameters, int across)
        : activation(activation_),
          scale(load_lanes<Shape::width>(parameters)),
          shift(load_lanes<Shape::width>(parameters + across)) {}

    __device__ __forceinline__ T a(T x, int k) const {
        return clamped(activation, multiply_add(scale[k], x, shift[k]));
    }
    __device__ __forceinline__ T d_u(T d_a, T x, int k) const {
        return clamp_passes(activation, a(x, k)) ? d_a : T(0);
    }
};

/// The sums of a thread.
template <class Parts, class Shape>
struct BackwardColumn {
    using T = typename Shape::T;
    using Values = Lanes<T, Shape::width>;
    static constexpr int width = Shape::width;
    static constexpr int kernel = Shape::kernel;
    static constexpr int stride = Shape::stride;

    Values weight[static_cast<size_t>(Shape::taps)];
    Values d_weight[static_cast<size_t>(Shape::taps)];
    Values d_a[static_cast<size_t>(kernel)][static_cast<size_t>(stride)];  // padded rows stride · i + p
    Values d_prologue[2];                                                  // d_scale, d_shift

    /// parameters: the weights, [taps][channels of the block].
    __device__ __forceinline__ BackwardColumn(const T* parameters, int across) {
        VITRINE_UNROLL
        for (int tap = 0; tap < Shape::taps; ++tap) {
            if constexpr (Parts::with_input) weight[tap] = load_lanes<width>(parameters + tap * across);
            d_weight[tap] = all_lanes<T, width>(T(0));
        }
        d_prologue[0] = d_prologue[1] = all_lanes<T, width>(T(0));
    }

    __device__ __forceinline__ void begin() {
        VITRINE_UNROLL
        for (int p = 0; p < kernel; ++p) clear(d_a[p]);
    }

    /// Row i of g meets padded rows stride · i + p. g: in shared memory, the leftmost pixel that the columns
    /// take part in; ring_row: the ring's row of p = 0.
    __device__ __forceinline__ void add_row(const T* g, int across, int i, const InputRing<Parts, Shape>& x,
                                            int ring_row, const InputRows& rows,
                                            const InputColumns<Shape>& columns,
                                            const ThreadPrologue<Shape>& prologue) {
        Values pixels[static_cast<size_t>(Shape::reach + 1)];
        VITRINE_UNROLL
        for (int t = 0; t <= Shape::reach; ++t)
            pixels[t] = load_lanes<width>(g + (Shape::reach - t) * across);
        VITRINE_UNROLL
        for (int p = 0; p < kernel; ++p) {
            VITRINE_UNROLL
            for (int e = 0; e < stride; ++e) {
                Values a = all_lanes<T, width>(T(0));
                if constexpr (Parts::with_weight) {
                    const bool inside = rows.inside(stride * i + p) && columns.inside(e);
                    VITRINE_UNROLL
                    for (int k = 0; k < width; ++k)
                        a[k] = inside ? prologue.a(x(ring_row + p, e)[k], k) : T(0);
                }
                VITRINE_UNROLL
                for (int q = e; q < kernel; q += stride) meet(p, q, e, a, pixels[q / stride]);
            }
        }
    }

    /// The oldest `stride` rows of d_a, which are complete, become rows of d_x; new ones begin.
    template <class Put>
    __device__ __forceinline__ void take(const InputRing<Parts, Shape>& x, int ring_row, int i,
                                         const InputRows& rows, const InputColumns<Shape>& columns,
                                         const ThreadPrologue<Shape>& prologue, Put&& put) {
        VITRINE_UNROLL
        for (int row = 0; row < stride; ++row) {
            VITRINE_UNROLL
            for (int e = 0; e < stride; ++e) {
                if (!rows.inside(stride * i + row) || !columns.inside(e)) continue;
                Values d_x;
                VITRINE_UNROLL
                for (int k = 0; k < width; ++k) {
                    const T x_value = x(ring_row + row, e)[k];
                    const T d_u = prologue.d_u(d_a[row][e][k], x_value, k);
                    d_x[k] = prologue.scale[k] * d_u;
                    d_prologue[0][k] = multiply_add(d_u, x_value, d_prologue[0][k]);
                    d_prologue[1][k] += d_u;
                }
                put(stride * i + row, e, d_x);
            }
        }
        VITRINE_UNROLL
        for (int p = 0; p < kernel; ++p) {
            VITRINE_UNROLL
            for (int e = 0; e < stride; ++e) {
                if (p + stride < kernel) {
                    d_a[p][e] = d_a[(p + stride) % kernel][e];
                } else {
                    d_a[p][e] = all_lanes<T, width>(T(0));
                }
            }
        }
    }

  private:
    __device__ __forceinline__ void meet(int p, int q, int e, const Values& a, const Values& g) {
        const int tap = p * kernel + q;
        VITRINE_UNROLL
        for (int k = 0; k < width; ++k) {
            if constexpr (Parts::with_input) d_a[p][e][k] = multiply_add(weight[tap][k], g[k], d_a[p][e][k]);
            if constexpr (Parts::with_weight) d_weight[tap][k] = multiply_add(a[k], g[k], d_weight[tap][k]);
        }
    }

    static __device__ __forceinline__ void clear(Values (&row)[static_cast<size_t>(stride)]) {
        VITRINE_UNROLL
        for (int e = 0; e < stride; ++e) row[e] = all_lanes<T, width>(T(0));
    }
};

/// Adds the block's columns up and leaves [count, channels] partial sums at `to`.
template <class Shape, int count, class T>
__device__ __forceinline__ void leave_sums(const Walk& walk, const Place<Shape>& place,
                                           Lanes<T, Shape::width> (&sums)[count], T* to, T* shared) {
    sum_columns(walk, place, sums, shared);
    if (place.column != 0 || place.channel >= walk.channels) return;
    VITRINE_UNROLL
    for (int n = 0; n < count; ++n) store_lanes(to + n * walk.channels + place.channel, sums[n]);
}

template <class Shape, bool with_input, bool with_weight>
__global__ void __launch_bounds__(walk_threads, 1)
    backward_rows(Walk walk, BackwardArrays<typename Shape::T> arrays) {
    using T = typename Shape::T;
    using Parts = BackwardParts<Shape, with_input, with_weight>;
    using Values = Lanes<T, Shape::width>;
    constexpr int stride = Shape::stride;
    alignas(16) __shared__ T shared[static_cast<size_t>(Parts::shared_values)];
    alignas(16) __shared__ T parameter_values[static_cast<size_t>(Parts::BlockParameters::values)];

    const Place<Shape> place(walk);
    typename Parts::BlockParameters parameters(parameter_values, walk, place.first_channel);
    parameters.fill(0, Shape::taps, arrays.weight, T(0));
    parameters.fill(Parts::scale_row, 1, arrays.prologue.scale, T(1));
    parameters.fill(Parts::scale_row + 1, 1, arrays.prologue.shift, T(0));
    parameters.fill(Parts::mean_row, 1, arrays.upstream.mean, T(0));
    parameters.fill(Parts::mean_row + 1, 1, arrays.upstream.d_mean, T(0), arrays.upstream.pixels);
    parameters.fill(Parts::mean_row + 2, 1, arrays.upstream.d_m2, T(0), T(0.5));
    __syncthreads();
    const int across = parameters.across();
    BackwardColumn<Parts, Shape> column(parameters.of_thread(0), across);
    const UpstreamGradient<T, Shape::load_width> upstream{
        arrays.upstream.d_y, arrays.upstream.d_mean == nullptr ? nullptr : arrays.upstream.y,
        parameters.of_load(Parts::mean_row), across};

    const int first_g_column = arrays.first_column + place.first_column;
    typename Parts::Stage stage(walk, place, first_g_column - Shape::reach, arrays.out_width);
    const InputColumns<Shape> columns{(first_g_column + place.column) * stride - arrays.padding_width,
                                      place.active ? arrays.in_width : 0};
    InputRing<Parts, Shape> x;
    const int x_row = arrays.in_width * walk.channels;
    for (int unit = place.first_unit; unit < place.end_unit; ++unit) {
        const Strip strip(walk, unit);
        const int g_image = strip.image * arrays.out_height * arrays.out_width * walk.channels;
        // The thread's first column in padded row 0.
        const int x_column = (strip.image * arrays.in_height - arrays.padding_height) * x_row +
                             columns.first * walk.channels + place.channel;
        const int first = arrays.first_row + strip.begin - Shape::reach;
        const int end = arrays.first_row + strip.end;
        const InputRows rows{max((first + Shape::reach) * stride, arrays.padding_height),
                             min(end * stride, arrays.in_height + arrays.padding_height)};
        const auto fetch = [&](int i) {
            stage.fetch(upstream, g_image, i, max(first, 0), min(end, arrays.out_height));
            if (arrays.x != nullptr)
                x.fetch(arrays.x, x_column, x_row, walk.channels, i * stride + Parts::ahead, rows, columns);
        };
        fetch(first);
        stage.put(upstream, shared);
        __syncthreads();
        column.begin();
        for (int i = first; i < end; i += Parts::rows) {
            const int now = (i - first) / Parts::rows % 2 * Parts::Stage::values;
            const bool more = i + Parts::rows < end;
            x.take();
            if (more) fetch(i + Parts::rows);
            if (place.active) {
                const ThreadPrologue<Shape> prologue(arrays.prologue.activation,
                                                     parameters.of_thread(Parts::scale_row), across);
                const T* const g = shared + now + place.column * across + place.lane;
                VITRINE_UNROLL
                for (int step = 0; step < Parts::rows; ++step) {
                    column.add_row(g + step * stage.row_values(), across, i + step, x, stride * step, rows,
                                   columns, prologue);
                    if constexpr (with_input)
                        column.take(x, stride * step, i + step, rows, columns, prologue,
                                    [&](int row, int e, const Values& d_x) {
                                        if (arrays.d_x)
                                            arrays.d_x(x_column + row * x_row + e * walk.channels, d_x);
                                    });
                }
            }
            if (more) stage.put(upstream, shared + (Parts::Stage::values - now));
            __syncthreads();
        }
    }
    if (arrays.sums.partials == nullptr) return;
    T* const partials = arrays.sums.partials + int64_t{place.chunk} * arrays.sums.rows * walk.channels;
    if constexpr (with_weight) leave_sums(walk, place, column.d_weight, partials, shared);
    if constexpr (with_input) {
        constexpr int weights = with_weight ? Shape::taps : 0;
        if (arrays.prologue_sums)
            leave_sums(walk, place, column.d_prologue, partials + weights * walk.channels, shared);
    }
    arrays.sums.template finish<walk_threads>(place.chunk, channel_tile(walk, place), shared);
}

/// The walk goes over rows of g such that every row and column of x is reached, also those that no window
/// holds.
template <class Shape>
Walk plan_backward(const ConvShape& shape, Size2 first) {
    const auto places = [](int64_t in, int64_t padding, int64_t begin) {
        return divide_up(in + padding, int64_t{Shape::stride}) - begin;
    };
    return plan_walk<Shape>(shape.batch, places(shape.in.height, shape.padding.height, first.height),
                            places(shape.in.width, shape.padding.width, first.width), shape.in_channels);
}

template <class Shape>
struct BackwardRun {
    using T = typename Shape::T;

    const ConvBackward& args;
    Context& context;
    Walk walk{};
    BackwardArrays<T> arrays;

    BackwardRun(const ConvBackward& args_, Context& context_)
        : args(args_),
          context(context_),
          arrays{static_cast<const T*>(args.x),
                 static_cast<const T*>(args.weight),
                 PrologueOn<T>(args.prologue),
                 UpstreamOn<T>(args),
                 LanesWriter<T>(args.d_x),
                 {},
                 false,
                 static_cast<int>(args.shape.in.height),
                 static_cast<int>(args.shape.in.width),
                 static_cast<int>(args.shape.out().height),
                 static_cast<int>(args.shape.out().width),
                 static_cast<int>(args.shape.padding.height),
                 static_cast<int>(args.shape.padding.width),
                 static_cast<int>(args.shape.padding.height / Shape::stride),
                 static_cast<int>(args.shape.padding.width / Shape::stride)} {
        walk = plan_backward<Shape>(args.shape, {arrays.first_row, arrays.first_column});
    }

    bool wants_prologue() const { return args.d_scale || args.d_shift; }
    bool wants_input() const { return args.d_x || wants_prologue(); }

    template <bool with_input, bool with_weight>
    void run() {
        BackwardArrays<T> mine = arrays;
        mine.prologue_sums = with_input && wants_prologue();
        constexpr int weights = with_weight ? Shape::taps : 0;
        const int rows = weights + (mine.prologue_sums ? 2 : 0);
        if (rows > 0)
            mine.sums = {walk.chunks(), walk.groups, rows, walk.channels, PutWalkSums<T>(args, weights),
                         context};
        const bool reads_x =
            with_weight || wants_prologue() || args.prologue.activation != Activation::identity;
        if (!reads_x) mine.x = nullptr;
        launch(backward_rows<Shape, with_input, with_weight>, walk.grid(), walk_threads, 0, stream(), walk,
               mine);
    }
};

template <class Shape>
void run_backward(const ConvBackward& args, Context& context) {
    BackwardRun<Shape> backward(args, context);
    if (backward.walk.empty()) return;
    if (args.d_weight && backward.wants_input()) {
        backward.template run<true, true>();
    } else if (args.d_weight) {
        backward.template run<false, true>();
    } else if (backward.wants_input()) {
        backward.template run<true, false>();
    }
}

}  // namespace

void depthwise_backward_rows(const ConvBackward& args, Context& context) {
    const bool packs = aligned(args.x, args.weight, args.prologue.scale, args.prologue.shift, args.d_y,
                               args.y, args.mean, args.d_mean, args.d_m2, args.d_x.data);
    dispatch_walk(args.dtype, args.shape, packs, [&]<class Shape>() { run_backward<Shape>(args, context); });
}

}  // namespace vitrine::VITRINE_GPU
