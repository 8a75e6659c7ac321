// Depthwise convolution backward, walking down the rows: d_x and d_weight from one reading of x and d_y.
//
// A block (depthwise_walk.h) loads each row of g (d_y with the epilogue's part) once and shares it through
// shared memory. A thread owns stride neighbouring columns of x (of 16-bit values, with 3×3 and stride 1, two)
// and what belongs to them:
//
//     d_a       g row i is part of x rows stride · i + p − padding, p = 0 … kernel − 1: that many sums are
//               under way; with row i the first `stride` of them are complete
//     d_weight  the same g row meets the same x rows: the sum of g · a for every tap stays in registers for
//               the whole walk, and the rows of x and of a in a ring, so that neither is read nor made once a tap
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
#include "kernels/cuda/depthwise_backward_column.h"
#include "kernels/cuda/depthwise_conv.h"
#include "kernels/cuda/depthwise_walk.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// Adds the block's columns up and leaves [count, channels] partial sums at `to`.
template <class Shape, int count, class T>
__device__ __forceinline__ void leave_sums(const Walk& walk, const Place<Shape>& place,
                                           Lanes<T, Shape::width> (&sums)[count], T* to, T* shared) {
    sum_columns(walk, place, sums, shared);
    if (place.column_thread != 0 || place.channel >= walk.channels) return;
    VITRINE_UNROLL
    for (int n = 0; n < count; ++n) store_lanes(to + n * walk.channels + place.channel, sums[n]);
}

/// With 16 bytes of floats a thread's sums take 205 to 222 registers: a multiprocessor has room for one block, and
/// does nothing while that waits at a barrier. Of 16-bit values a thread owns half as many channels, 113 to 128
/// registers, and there are two blocks.
template <class Shape>
constexpr int backward_blocks = is_half_type<typename Shape::Element> ? 2 : 1;

/// may_accumulate: whether d_x may be one that is added to. Where that is known, of 16-bit values, nobody asks at each row.
template <class Shape, bool with_input, bool with_weight, bool may_accumulate>
__global__ void __launch_bounds__(walk_threads, backward_blocks<Shape>)
    backward_rows(Walk walk, BackwardArrays<typename Shape::Element> arrays) {
    using T = typename Shape::T;
    using Parts = BackwardParts<Shape, with_input, with_weight>;
    constexpr int stride = Shape::stride;
    T* const shared = walk_stages<T, Parts::shared_values>();
    T* const parameter_values = walk_parameters<T, Parts::BlockParameters::values>();

    const Place<Shape> place(walk);
    typename Parts::BlockParameters parameters(parameter_values, walk, place.first_channel);
    parameters.fill(0, Shape::taps, arrays.weight, T(0));
    parameters.fill(Parts::scale_row, 1, arrays.prologue.scale, T(1));
    parameters.fill(Parts::scale_row + 1, 1, arrays.prologue.shift, T(0));
    Parts::Upstream::fill(parameters, Parts::upstream_row, arrays.upstream);
    __syncthreads();
    constexpr int parameter_row = Parts::BlockParameters::row_values;
    BackwardColumn<Parts, Shape> column(parameters.of_thread(0), parameter_row);
    const typename Parts::Upstream upstream{arrays.upstream.d_y, arrays.upstream.y, arrays.statistics,
                                            parameters.of_load(Parts::upstream_row), parameter_row};

    const int first_g_column = arrays.first_column + place.first_column;
    typename Parts::Stage stage(walk, place, first_g_column - Shape::reach, arrays.out_width);
    const int first_x_column = (first_g_column + place.column) * stride - arrays.padding_width;
    const int image_row = arrays.in_width * walk.channels;
    const ThreadPrologue<Shape> prologue{arrays.clamp, parameters.of_thread(Parts::scale_row), parameter_row};
    const int thread_stage = place.column * walk.channels_of_block + place.lane;
    InputRing<Parts, Shape> ring;
    for (int unit = place.first_unit; unit < place.end_unit; ++unit) {
        const Strip strip(walk, unit);
        const int g_image = strip.image * arrays.out_height * arrays.out_width * walk.channels;
        const int first = arrays.first_row + strip.begin - Shape::reach;
        const int end = arrays.first_row + strip.end;
        const ColumnRows<input_columns<Shape>> rows(
            max((first + Shape::reach) * stride, arrays.padding_height),
            min(end * stride, arrays.in_height + arrays.padding_height), first_x_column,
            place.active ? arrays.in_width : 0);
        const int first_x =
            (strip.image * arrays.in_height - arrays.padding_height + stride * first) * image_row +
            first_x_column * walk.channels + place.channel;
        ColumnPlace<const typename Shape::Element> x(arrays.x, first_x + Parts::ahead * image_row, image_row,
                                                     walk.channels);
        ColumnPlace<typename Shape::Element> d_x(arrays.d_x.data(), first_x, image_row, walk.channels);
        const auto fetch = [&](int i) {
            stage.fetch(upstream, g_image, i, min(end, arrays.out_height));
            if (!arrays.reads_x) return;
            ring.fetch(x, i * stride + Parts::ahead, rows);
            x.go_down(Parts::rows * stride);
        };
        fetch(first);
        stage.put(upstream, shared);
        __syncthreads();
        column.begin();
        TwoStages<T> stages(shared, thread_stage, Parts::Stage::values);
        for (int i = first; i < end; i += Parts::rows) {
            const bool more = i + Parts::rows < end;
            ring.take();
            if (more) fetch(i + Parts::rows);
            if (rows.any()) {
                VITRINE_UNROLL
                for (int step = 0; step < Parts::rows; ++step) {
                    const int row = stride * (i + step);  // of x
                    ring.activate(prologue, stride * step, row, rows);
                    column.add_row(stages.here + step * stage.row_values(), walk.channels_of_block, ring);
                    if constexpr (with_input) {
                        typename BackwardColumn<Parts, Shape>::Rows values;
                        column.take(ring, stride * step, row, rows, prologue, values);
                        if (arrays.d_x) {
                            put_columns(d_x, may_accumulate && arrays.d_x.accumulates(), row, rows, values);
                            d_x.go_down(stride);
                        }
                    }
                }
            }
            if (more) stage.put(upstream, stages.next);
            stages.swap();
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
    using T = typename Shape::Element;
    using A = Accumulate<T>;

    const ConvBackward& args;
    Context& context;
    Walk walk{};
    BackwardArrays<T> arrays;

    BackwardRun(const ConvBackward& args_, Context& context_)
        : args(args_),
          context(context_),
          arrays{static_cast<const T*>(args.x),
                 static_cast<const T*>(args.weight),
                 PrologueOn<A>(args.prologue),
                 ClampBounds<A>(args.prologue.activation),
                 UpstreamOn<T>(args),
                 LanesWriter<T>(args.d_x),
                 {},
                 false,
                 args.d_mean != nullptr,
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
            mine.sums = {
                walk.chunks(), walk.groups, rows, walk.channels, PutWalkSums<A>(args, weights, context),
                context};
        mine.reads_x = with_weight || wants_prologue() || args.prologue.activation != Activation::identity;
        const bool adds = mine.d_x && mine.d_x.accumulates();
        if constexpr (with_input && is_half_type<T>) {
            if (!adds) return launch_rows<with_input, with_weight, false>(mine);
        }
        launch_rows<with_input, with_weight, true>(mine);
    }

    template <bool with_input, bool with_weight, bool may_accumulate>
    void launch_rows(const BackwardArrays<T>& mine) {
        launch(backward_rows<Shape, with_input, with_weight, may_accumulate>, walk.grid(), walk_threads, 0,
               stream(), walk, mine);
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
    dispatch_walk(args.dtype, args.shape, walks_in_packs(args),
                  [&]<class Shape>() { run_backward<Shape>(args, context); });
}

}  // namespace vitrine::VITRINE_GPU
