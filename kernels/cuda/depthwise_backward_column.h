// A thread of the walk backward: what it reads and where its sums go, the columns of x that it owns, what of them is in
// registers, and what it adds up. depthwise_backward.cu is the walk itself.
#pragma once

#include "kernels/cuda/conv_parts.h"
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
    PrologueOn<Accumulate<T>> prologue;
    UpstreamOn<T> upstream;
    LanesWriter<T> d_x;
    LastSums<Accumulate<T>, PutWalkSums<Accumulate<T>>> sums;
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
    static constexpr int stride = Shape::stride;
    static constexpr int kernel = Shape::kernel;
    static constexpr bool with_input = input;
    static constexpr bool with_weight = weight;

    /// Rows of g in a stage: two rows of x in any case.
    static constexpr int rows = 2 / stride;
    /// Padded rows of x that must be at hand beyond those that a row of g completes.
    static constexpr int ahead = with_weight ? kernel - stride : 0;

    using Stage =
        RowStage<Shape, UpstreamGradient<typename Shape::Element, Shape::load_width>, rows, 1, Shape::reach>;
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
    using Values = Stored<typename Shape::Element, Shape::width>;

    /// Starts loading what take() will append: padded rows first, first + 1 … as far as they are inside.
    /// place: of the thread's first column in padded row 0, in x.
    __device__ __forceinline__ void fetch(const typename Shape::Element* x, int place, int image_row,
                                          int channels, int first, const InputRows& rows,
                                          const InputColumns<Shape>& columns) {
        VITRINE_UNROLL
        for (int row = 0; row < fresh_rows; ++row) {
            VITRINE_UNROLL
            for (int e = 0; e < stride; ++e) {
                if (rows.inside(first + row) && columns.inside(e))
                    fresh_[row][e] =
                        load_stored<Shape::width>(x + (place + (first + row) * image_row + e * channels));
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

    __device__ __forceinline__ Lanes<typename Shape::T, Shape::width> operator()(int row, int e) const {
        return widened(rows_[row][e]);
    }

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
        return inside_clamp(activation, a(x, k)) ? d_a : T(0);
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
                    const Values x_values = x(ring_row + p, e);
                    VITRINE_UNROLL
                    for (int k = 0; k < width; ++k) a[k] = inside ? prologue.a(x_values[k], k) : T(0);
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
                const Values x_values = x(ring_row + row, e);
                Values d_x;
                VITRINE_UNROLL
                for (int k = 0; k < width; ++k) {
                    const T d_u = prologue.d_u(d_a[row][e][k], x_values[k], k);
                    d_x[k] = prologue.scale[k] * d_u;
                    d_prologue[0][k] = multiply_add(d_u, x_values[k], d_prologue[0][k]);
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

}  // namespace vitrine::VITRINE_GPU
