// A thread of the walk backward: what it reads and where its sums go, the columns of x that it owns, what of them is in
// registers, and what it adds up. depthwise_backward.cu is the walk itself.
#pragma once

#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/depthwise_columns.h"
#include "kernels/cuda/depthwise_input.h"
#include "kernels/cuda/depthwise_walk.h"

namespace vitrine::VITRINE_GPU {

/// What becomes of the sums of a channel, of T: those of the weights, then d_scale and d_shift.
template <class T>
struct PutWalkSums {
    GradientWriter<T> d_weight{Gradient{}};
    GradientWriter<T> d_scale{Gradient{}};
    GradientWriter<T> d_shift{Gradient{}};
    int taps = 0;  // 0: no weights
    int64_t channels = 0;
    NormOfGradients<T> norm{};

    PutWalkSums() = default;
    PutWalkSums(const ConvBackward& args, int rows_of_weights, Context& context)
        : d_weight(args.d_weight),
          d_scale(args.d_scale),
          d_shift(args.d_shift),
          taps(rows_of_weights),
          channels(args.shape.in_channels),
          norm(norm_behind<T>(args.d_scale, args.d_shift, context)) {}

    __device__ __forceinline__ void operator()(int row, int64_t channel, T sum) const {
        if (row < taps) {
            d_weight(row * channels + channel, sum);
            return;
        }
        const GradientWriter<T>& gradient = row == taps ? d_scale : d_shift;
        if (gradient) gradient(channel, sum);
    }
    template <int threads>
    __device__ __forceinline__ void norms_of(const ChannelTile& tile) const {
        norm.template of_channels<threads>(tile.first, tile.channels);
    }
};

/// x, d_x [batch, in_height, in_width, channels], d_y, y [batch, out_height, out_width, channels], weight
/// [kernel, kernel, channels].
///
/// The walk's rows and columns are those of g as far as x goes: its row i stands for the padded rows stride ·
/// (first_row + i) … of x, `stride` of them.
template <class T>
struct BackwardArrays {
    const T* x;
    const T* weight;
    PrologueOn<Accumulate<T>> prologue;
    ClampBounds<Accumulate<T>> clamp;
    UpstreamOn<T> upstream;
    LanesWriter<T> d_x;
    LastSums<Accumulate<T>, PutWalkSums<Accumulate<T>>> sums;
    bool reads_x;        // whether anybody needs x
    bool statistics;     // whether g has an epilogue's part
    bool prologue_sums;  // whether d_scale and d_shift are among the sums
    int in_height;
    int in_width;
    int out_height;
    int out_width;
    int padding_height;
    int padding_width;
    int first_row;
    int first_column;
};

/// Columns of x that a thread owns: `stride` for each of the walk.
template <class Shape>
constexpr int input_columns = Shape::columns* Shape::stride;

/// What a kernel computes: at least one of the two.
template <class Shape, bool input, bool weight>
struct BackwardParts {
    static constexpr int stride = Shape::stride;
    static constexpr int kernel = Shape::kernel;
    static constexpr bool with_input = input;
    static constexpr bool with_weight = weight;

    /// Rows of g in a stage: two rows of x in any case.
    static constexpr int rows = 2 / stride;
    /// Padded rows of x that must be at hand beyond those that a row of g completes.
    static constexpr int ahead = with_weight ? kernel - stride : 0;

    static constexpr int scale_row = Shape::taps;  // of the parameters; the weights come first
    static constexpr int upstream_row = Shape::taps + 2;
    using Upstream = UpstreamGradient<typename Shape::Element, Shape::load_width>;
    using BlockParameters = Parameters<Shape, upstream_row + Upstream::parameter_rows>;
    using Stage = RowStage<Shape, Upstream, rows, 1, Shape::reach>;
    static constexpr int sum_values = (weight ? Shape::taps : 2) * walk_threads / 2 * Shape::width;
    static constexpr int shared_values = std::max(2 * Stage::values, sum_values);
};

/// The prologue of a thread's channels, and its derivative.
template <class Shape>
struct ThreadPrologue {
    using T = typename Shape::T;
    using Values = Lanes<T, Shape::width>;

    ClampBounds<T> clamp;
    const T* parameters;  // in shared memory: scale, shift of the thread's channels, row_values apart
    int row_values;

    __device__ __forceinline__ Values scale() const { return load_lanes<Shape::width>(parameters); }
    __device__ __forceinline__ Values shift() const {
        return load_lanes<Shape::width>(parameters + row_values);
    }
};

/// Rows of x in registers, as they lie in memory, and a of those that the current row of g meets.
///
/// While row i of g is used, which is row `step` of its stage: row stride · step + k of x is the padded row stride · i + k,
/// and so is row k of a. Behind a strip's last row they are 0, and so is what the next strip finds of those before its first.
template <class Parts, class Shape>
class InputRing {
    static constexpr int stride = Shape::stride;
    static constexpr int fresh_rows = stride * Parts::rows;
    static constexpr int kept_rows = Parts::ahead;
    static constexpr int columns_count = input_columns<Shape>;

  public:
    using T = typename Shape::T;
    using Values = Lanes<T, Shape::width>;

    /// Starts loading what take() will append: padded rows first, first + 1 … as far as they are inside.
    __device__ __forceinline__ void fetch(const ColumnPlace<const typename Shape::Element>& x, int first,
                                          const ColumnRows<columns_count>& rows) {
        VITRINE_UNROLL
        for (int row = 0; row < fresh_rows; ++row) {
            VITRINE_UNROLL
            for (int e = 0; e < columns_count; ++e) {
                if (rows.inside(first + row, e)) fresh_[row][e] = load_stored<Shape::width>(x(row, e));
            }
        }
    }

    __device__ __forceinline__ void take() {
        VITRINE_UNROLL
        for (int e = 0; e < columns_count; ++e) {
            VITRINE_UNROLL
            for (int row = 0; row < kept_rows; ++row) x_[row][e] = x_[row + fresh_rows][e];
            VITRINE_UNROLL
            for (int row = 0; row < fresh_rows; ++row) x_[kept_rows + row][e] = fresh_[row][e];
        }
    }

    /// Appends a, once for all the rows of g that it meets, of the rows of x that the current row of g is the first to meet: 0
    /// outside. first: the padded row of x that is row `ring_row`, and becomes row 0 of a.
    __device__ __forceinline__ void activate(const ThreadPrologue<Shape>& prologue, int ring_row, int first,
                                             const ColumnRows<columns_count>& rows) {
        const Values scale = prologue.scale();
        const Values shift = prologue.shift();
        VITRINE_UNROLL
        for (int e = 0; e < columns_count; ++e) {
            VITRINE_UNROLL
            for (int row = 0; row < kept_rows; ++row) a_[row][e] = a_[row + stride][e];
            VITRINE_UNROLL
            for (int row = kept_rows; row < kept_rows + stride; ++row) {
                const bool inside = rows.inside(first + row, e);
                const Values x_values = x(ring_row + row, e);
                VITRINE_UNROLL
                for (int k = 0; k < Shape::width; ++k) {
                    const T a = prologue.clamp(multiply_add(scale[k], x_values[k], shift[k]));
                    a_[row][e][k] = inside ? a : T(0);
                }
            }
        }
    }

    __device__ __forceinline__ Values x(int row, int e) const { return widened(x_[row][e]); }
    __device__ __forceinline__ const Values& a(int row, int e) const { return a_[row][e]; }

  private:
    using Raw = Stored<typename Shape::Element, Shape::width>;

    Raw fresh_[static_cast<size_t>(fresh_rows)][static_cast<size_t>(columns_count)] = {};
    Raw x_[static_cast<size_t>(kept_rows + fresh_rows)][static_cast<size_t>(columns_count)] = {};
    Values a_[static_cast<size_t>(kept_rows + stride)][static_cast<size_t>(columns_count)] = {};
};

/// The sums of a thread.
template <class Parts, class Shape>
struct BackwardColumn {
    using T = typename Shape::T;
    using Values = Lanes<T, Shape::width>;
    static constexpr int width = Shape::width;
    static constexpr int kernel = Shape::kernel;
    static constexpr int stride = Shape::stride;
    static constexpr int columns_count = input_columns<Shape>;
    /// What a row of g completes.
    using Rows = Values[static_cast<size_t>(stride)][static_cast<size_t>(columns_count)];

    Values weight[static_cast<size_t>(Shape::taps)];
    Values d_weight[static_cast<size_t>(Shape::taps)];
    Values d_a[static_cast<size_t>(kernel)]
              [static_cast<size_t>(columns_count)];  // padded rows stride · i + p
    Values d_prologue[2];                            // d_scale, d_shift

    /// parameters: the weights of the thread's channels, row_values apart.
    __device__ __forceinline__ BackwardColumn(const T* parameters, int row_values) {
        VITRINE_UNROLL
        for (int tap = 0; tap < Shape::taps; ++tap) {
            if constexpr (Parts::with_input) weight[tap] = load_lanes<width>(parameters + tap * row_values);
            d_weight[tap] = all_lanes<T, width>(T(0));
        }
        d_prologue[0] = d_prologue[1] = all_lanes<T, width>(T(0));
    }

    __device__ __forceinline__ void begin() {
        VITRINE_UNROLL
        for (int p = 0; p < kernel; ++p) clear(d_a[p]);
    }

    /// Row i of g meets padded rows stride · i + p. g: in shared memory, the leftmost pixel that the columns
    /// take part in; pixels are `across` values apart.
    __device__ __forceinline__ void add_row(const T* g, int across, const InputRing<Parts, Shape>& ring) {
        Values pixels[static_cast<size_t>(Shape::reach + Shape::columns)];
        VITRINE_UNROLL
        for (int t = 0; t < Shape::reach + Shape::columns; ++t) pixels[t] = load_lanes<width>(g + t * across);
        VITRINE_UNROLL
        for (int p = 0; p < kernel; ++p) {
            VITRINE_UNROLL
            for (int e = 0; e < columns_count; ++e) {
                VITRINE_UNROLL
                for (int q = e % stride; q < kernel; q += stride)
                    meet(p, q, e, ring, pixels[e / stride + Shape::reach - q / stride]);
            }
        }
    }

    /// The oldest `stride` rows of d_a, which are complete, become rows of d_x; new ones begin. first: the padded row of x that
    /// is row `ring_row` of the ring. What is outside adds nothing, and is not to be written.
    __device__ __forceinline__ void take(const InputRing<Parts, Shape>& ring, int ring_row, int first,
                                         const ColumnRows<columns_count>& rows,
                                         const ThreadPrologue<Shape>& prologue, Rows& d_x) {
        const Values scale = prologue.scale();
        VITRINE_UNROLL
        for (int row = 0; row < stride; ++row) {
            VITRINE_UNROLL
            for (int e = 0; e < columns_count; ++e) {
                const bool inside = rows.inside(first + row, e);
                const Values x_values = ring.x(ring_row + row, e);
                const Values& a = ring.a(row, e);
                VITRINE_UNROLL
                for (int k = 0; k < width; ++k) {
                    const T d_u = prologue.clamp.inside(a[k], inside) ? d_a[row][e][k] : T(0);
                    d_x[row][e][k] = scale[k] * d_u;
                    d_prologue[0][k] = multiply_add(d_u, x_values[k], d_prologue[0][k]);
                    d_prologue[1][k] += d_u;
                }
            }
        }
        VITRINE_UNROLL
        for (int p = 0; p < kernel; ++p) {
            VITRINE_UNROLL
            for (int e = 0; e < columns_count; ++e) {
                if (p + stride < kernel) {
                    d_a[p][e] = d_a[(p + stride) % kernel][e];
                } else {
                    d_a[p][e] = all_lanes<T, width>(T(0));
                }
            }
        }
    }

  private:
    __device__ __forceinline__ void meet(int p, int q, int e, const InputRing<Parts, Shape>& ring,
                                         const Values& g) {
        const int tap = p * kernel + q;
        VITRINE_UNROLL
        for (int k = 0; k < width; ++k) {
            if constexpr (Parts::with_input) d_a[p][e][k] = multiply_add(weight[tap][k], g[k], d_a[p][e][k]);
            if constexpr (Parts::with_weight)
                d_weight[tap][k] = multiply_add(ring.a(p, e)[k], g[k], d_weight[tap][k]);
        }
    }

    static __device__ __forceinline__ void clear(Values (&row)[static_cast<size_t>(columns_count)]) {
        VITRINE_UNROLL
        for (int e = 0; e < columns_count; ++e) row[e] = all_lanes<T, width>(T(0));
    }
};

}  // namespace vitrine::VITRINE_GPU
