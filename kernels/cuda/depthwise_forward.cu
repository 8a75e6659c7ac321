// Depthwise convolution forward, walking down the rows: each element of x is loaded once.
//
// The naive rung asks for x once a tap. Here a block (depthwise_walk.h) loads each row of its columns once,
// applies the prologue once, and shares the row through shared memory; a thread owns one output column and
// adds each row to all the output rows that it is part of, which it keeps as sums in registers (of 16-bit values it owns
// two columns, which share pixels):
//
//     kernel 3, stride 1      x row r ──▶ y rows r − 1, r, r + 1        3 sums under way
//     kernel 3, stride 2      x row 2i + 1 ──▶ y rows i, i + 1          2 sums under way
//
// Bytes asked for, f32, an output element: 4 of y + 4 · stride² · (1 + (kernel − stride) / tile columns) ·
// (1 + (kernel − stride) / strip rows) of x, where only pixels inside the image count; weight and parameters
// once a block. 2 · kernel² FLOPs: 18 FLOPs for 8 bytes, far below any GPU's ratio, so memory decides.
//
// The statistics of y are centred from the start (Welford's update a thread, Chan's formula to merge the
// columns of a block, then the blocks): Σ y² is never formed, so a mean far from zero costs no digits.

#include "kernels/cuda/channel_last.h"
#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/depthwise_columns.h"
#include "kernels/cuda/depthwise_conv.h"
#include "kernels/cuda/depthwise_input.h"
#include "kernels/cuda/depthwise_walk.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// x [batch, in_height, in_width, channels], y [batch, out_height, out_width, channels], weight [kernel,
/// kernel, channels]. The walk's rows and columns are those of y.
template <class T>
struct ForwardArrays {
    const T* x;
    const T* weight;
    const Accumulate<T>* bias;
    PrologueOn<Accumulate<T>> prologue;
    ClampBounds<Accumulate<T>> clamp;
    T* y;
    LastMoments<Accumulate<T>> moments;
    bool with_moments;
    int in_height;
    int in_width;
    int padding_height;
    int padding_width;
};

/// Input rows are numbered from the first that the strip's first output row sees: row v of the strip is part
/// of output row v / stride − j, through the kernel's row v % stride + j · stride.
template <class Shape>
constexpr int rows_of_stage = 2;

template <class Shape>
using InputStage = RowStage<Shape, ActivatedInput<typename Shape::Element, Shape::load_width>,
                            rows_of_stage<Shape>, Shape::stride, Shape::kernel - Shape::stride>;

/// 1 / count, to the bit, of a count from 1 on: without the questions of a division whether its divisor is an ordinary number.
template <class T>
__device__ __forceinline__ T reciprocal(int count) {
    const T divisor = static_cast<T>(count);
#ifdef __CUDA_ARCH__
    if constexpr (sizeof(T) == 4) {
        float nearly = 0;
        asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(nearly) : "f"(divisor));
        return multiply_add(nearly, multiply_add(-divisor, nearly, 1.0F), nearly);
    }
#endif
    return T(1) / divisor;
}

/// Count, mean and Σ (y − mean)² of each channel.
template <class T, int N>
struct ColumnMoments {
    int count = 0;
    Lanes<T, N> mean = all_lanes<T, N>(T(0));
    Lanes<T, N> m2 = all_lanes<T, N>(T(0));

    __device__ __forceinline__ ColumnMoments() {}

    /// Welford's update.
    __device__ __forceinline__ void add(const Lanes<T, N>& y) {
        count += 1;
        const T part = reciprocal<T>(count);
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) {
            const T from_old = y[k] - mean[k];
            mean[k] = multiply_add(from_old, part, mean[k]);
            m2[k] = multiply_add(from_old, y[k] - mean[k], m2[k]);
        }
    }

    /// Chan's formula.
    __device__ __forceinline__ void add(int other_count, const Lanes<T, N>& other_mean,
                                        const Lanes<T, N>& other_m2) {
        if (other_count == 0) return;
        const int sum = count + other_count;
        const T part = static_cast<T>(other_count) / static_cast<T>(sum);
        const T weight = static_cast<T>(count) * part;
        VITRINE_UNROLL
        for (int k = 0; k < N; ++k) {
            const T apart = other_mean[k] - mean[k];
            mean[k] = multiply_add(apart, part, mean[k]);
            m2[k] += multiply_add(apart * apart, weight, other_m2[k]);
        }
        count = sum;
    }
};

/// Merges the moments of a block's columns by halving; complete in column 0.
template <class Shape, class T>
__device__ __forceinline__ void merge_columns(const Walk& walk, const Place<Shape>& place,
                                              ColumnMoments<T, Shape::width>& moments, T* shared) {
    constexpr int width = Shape::width;
    const int across = walk.channels_of_block;
    __shared__ int counts[static_cast<size_t>(walk_threads)];  // of columns: many lanes write the same
    for (int half = walk.column_threads / 2; half > 0; half /= 2) {
        T* const means = shared;
        T* const m2s = shared + half * across;
        const int from = place.column_thread - half;
        __syncthreads();
        if (from >= 0 && from < half) {
            store_lanes(means + from * across + place.lane, moments.mean);
            store_lanes(m2s + from * across + place.lane, moments.m2);
            counts[from * walk.channel_threads + place.lane / width] = moments.count;
        }
        __syncthreads();
        if (place.column_thread < half) {
            const int at = place.column_thread * across + place.lane;
            moments.add(counts[place.column_thread * walk.channel_threads + place.lane / width],
                        load_lanes<width>(means + at), load_lanes<width>(m2s + at));
        }
    }
}

template <class Shape, class T>
__device__ __forceinline__ void leave_moments(const Walk& walk, const Place<Shape>& place,
                                              ColumnMoments<T, Shape::width>& moments,
                                              const LastMoments<T>& last, T* shared) {
    merge_columns(walk, place, moments, shared);
    if (place.column_thread == 0 && place.channel < walk.channels) {
        T* const to = last.partials + int64_t{3} * place.chunk * walk.channels + place.channel;
        store_lanes(to, all_lanes<T, Shape::width>(static_cast<T>(moments.count)));
        store_lanes(to + walk.channels, moments.mean);
        store_lanes(to + 2 * walk.channels, moments.m2);
    }
    last.template finish<walk_threads>(place.chunk, channel_tile(walk, place), shared);
}

/// The sums of a thread's columns: of output rows t, t − 1, … t − reach, where row t is the newest.
template <class Shape>
struct OutputColumns {
    using T = typename Shape::T;
    static constexpr int width = Shape::width;
    using Values = Lanes<T, width>;

    Values weight[static_cast<size_t>(Shape::taps)];
    const T* bias;  // in shared memory
    Values sums[static_cast<size_t>(Shape::reach + 1)][static_cast<size_t>(Shape::columns)];

    /// weights: row_values apart.
    __device__ __forceinline__ OutputColumns(const T* weights, const T* bias_, int row_values) : bias(bias_) {
        VITRINE_UNROLL
        for (int tap = 0; tap < Shape::taps; ++tap)
            weight[tap] = load_lanes<width>(weights + tap * row_values);
    }

    __device__ __forceinline__ void begin() {
        VITRINE_UNROLL
        for (int j = 0; j <= Shape::reach; ++j) begin_row(j);
    }

    /// An input row with v % stride = phase. row: the thread's first pixel in shared memory; pixels are `across` values apart.
    __device__ __forceinline__ void add_row(const T* row, int phase, int across) {
        VITRINE_UNROLL
        for (int pixel = 0; pixel < Shape::kernel + (Shape::columns - 1) * Shape::stride; ++pixel) {
            const Values a = load_lanes<width>(row + pixel * across);
            VITRINE_UNROLL
            for (int column = 0; column < Shape::columns; ++column) {
                const int q = pixel - column * Shape::stride;
                if (q >= 0 && q < Shape::kernel) meet(phase, q, column, a);
            }
        }
    }

    /// Of the oldest row, which is complete.
    __device__ __forceinline__ const Values& complete(int column) const { return sums[Shape::reach][column]; }

    /// Gives the oldest row up and begins a new one.
    __device__ __forceinline__ void go_on() {
        VITRINE_UNROLL
        for (int j = Shape::reach; j > 0; --j) {
            VITRINE_UNROLL
            for (int column = 0; column < Shape::columns; ++column) sums[j][column] = sums[j - 1][column];
        }
        begin_row(0);
    }

  private:
    __device__ __forceinline__ void begin_row(int j) {
        VITRINE_UNROLL
        for (int column = 0; column < Shape::columns; ++column) sums[j][column] = load_lanes<width>(bias);
    }

    /// Column q of the kernel, in all output rows that the input row is part of.
    __device__ __forceinline__ void meet(int phase, int q, int column, const Values& a) {
        VITRINE_UNROLL
        for (int j = 0; j <= Shape::reach; ++j) {
            const int p = phase + j * Shape::stride;
            if (p >= Shape::kernel) continue;
            VITRINE_UNROLL
            for (int k = 0; k < width; ++k)
                sums[j][column][k] = multiply_add(weight[p * Shape::kernel + q][k], a[k], sums[j][column][k]);
        }
    }
};

/// Two blocks of a multiprocessor: one loads while the other waits at a barrier. 64-bit sums need the
/// registers of both.
template <class T>
constexpr int blocks_of_multiprocessor = sizeof(T) == 4 ? 2 : 1;

template <class Shape>
__global__ void __launch_bounds__(walk_threads, blocks_of_multiprocessor<typename Shape::T>)
    forward_rows(Walk walk, ForwardArrays<typename Shape::Element> arrays) {
    using T = typename Shape::T;
    constexpr int stage_values = InputStage<Shape>::values;
    constexpr int bias_row = Shape::taps;
    constexpr int scale_row = Shape::taps + 1;
    constexpr int shift_row = Shape::taps + 2;
    using ForwardParameters = Parameters<Shape, Shape::taps + 3>;
    T* const shared = walk_stages<T, 2 * stage_values>();
    T* const parameter_values = walk_parameters<T, ForwardParameters::values>();

    const Place<Shape> place(walk);
    ForwardParameters parameters(parameter_values, walk, place.first_channel);
    parameters.fill(0, Shape::taps, arrays.weight, T(0));
    parameters.fill(bias_row, 1, arrays.bias, T(0));
    parameters.fill(scale_row, 1, arrays.prologue.scale, T(1));
    parameters.fill(shift_row, 1, arrays.prologue.shift, T(0));
    __syncthreads();
    constexpr int parameter_row = ForwardParameters::row_values;
    OutputColumns<Shape> columns(parameters.of_thread(0), parameters.of_thread(bias_row), parameter_row);
    const ActivatedInput<typename Shape::Element, Shape::load_width> input{
        arrays.x, arrays.clamp, parameters.of_load(scale_row), parameter_row};

    const int first_pixel = place.first_column * Shape::stride - arrays.padding_width;
    InputStage<Shape> stage(walk, place, first_pixel, arrays.in_width);
    const int thread_stage = place.column * Shape::stride * walk.channels_of_block + place.lane;
    const int column = place.first_column + place.column;  // of y
    const int image_row = walk.columns * walk.channels;
    ColumnMoments<T, Shape::width> moments;
    for (int unit = place.first_unit; unit < place.end_unit; ++unit) {
        const Strip strip(walk, unit);
        const int image = strip.image * arrays.in_height * arrays.in_width * walk.channels;
        const int first_row = strip.begin * Shape::stride - arrays.padding_height;
        const int rows = (strip.end - strip.begin - 1) * Shape::stride + Shape::kernel;
        const int height = max(0, min(first_row + rows, arrays.in_height));
        const ColumnRows<Shape::columns> y_rows(strip.begin, strip.end, column, walk.columns);
        ColumnPlace<typename Shape::Element> y(
            arrays.y,
            (strip.image * walk.rows + strip.begin - Shape::reach) * image_row + column * walk.channels +
                place.channel,
            image_row, walk.channels);
        TwoStages<T> stages(shared, thread_stage, stage_values);
        stage.fetch(input, image, first_row, height);
        stage.put(input, shared);
        __syncthreads();
        columns.begin();
        int y_row = strip.begin - Shape::reach;  // of the oldest sum
        for (int v = 0; v < rows; v += rows_of_stage<Shape>) {
            const bool more = v + rows_of_stage<Shape> < rows;
            if (more) stage.fetch(input, image, first_row + v + rows_of_stage<Shape>, height);
            if (place.active) {
                VITRINE_UNROLL
                for (int row = 0; row < rows_of_stage<Shape>; ++row) {
                    columns.add_row(stages.here + row * stage.row_values(), row % Shape::stride,
                                    walk.channels_of_block);
                    if (row % Shape::stride != Shape::stride - 1) continue;
                    VITRINE_UNROLL
                    for (int e = 0; e < Shape::columns; ++e) {
                        if (!y_rows.inside(y_row, e)) continue;
                        store_lanes(y(0, e), columns.complete(e));
                        if (arrays.with_moments) moments.add(columns.complete(e));
                    }
                    columns.go_on();
                    y.go_down(1);
                    ++y_row;
                }
            }
            if (more) stage.put(input, stages.next);
            stages.swap();
            __syncthreads();
        }
    }
    if (arrays.moments.partials != nullptr) leave_moments(walk, place, moments, arrays.moments, shared);
}

template <class Shape>
void run_forward(const ConvForward& args, Context& context) {
    using T = typename Shape::Element;
    using A = Accumulate<T>;
    const ConvShape& shape = args.shape;
    const Walk walk = plan_walk<Shape>(shape.batch, shape.out().height, shape.out().width, shape.in_channels);
    if (walk.empty()) return;
    LastMoments<A> moments;
    if (!args.epilogue.plain()) moments = {walk.chunks(), walk.groups, walk.channels, args.epilogue, context};
    launch(forward_rows<Shape>, walk.grid(), walk_threads, 0, stream(), walk,
           ForwardArrays<T>{static_cast<const T*>(args.x), static_cast<const T*>(args.weight),
                            static_cast<const A*>(args.bias), PrologueOn<A>(args.prologue),
                            ClampBounds<A>(args.prologue.activation), static_cast<T*>(args.y), moments,
                            moments.partials != nullptr, static_cast<int>(shape.in.height),
                            static_cast<int>(shape.in.width), static_cast<int>(shape.padding.height),
                            static_cast<int>(shape.padding.width)});
}

}  // namespace

void depthwise_forward_rows(const ConvForward& args, Context& context) {
    dispatch_walk(args.dtype, args.shape, walks_in_packs(args),
                  [&]<class Shape>() { run_forward<Shape>(args, context); });
}

}  // namespace vitrine::VITRINE_GPU
