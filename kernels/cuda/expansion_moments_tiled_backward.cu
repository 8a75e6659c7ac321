// The moments of an expansion, backward, from one reading of x.
//
//     d_a = level + slope · (a − μ)        slope_jk = Σ_o 2 · d_m2_o · w_oj · w_ok        level_j = Σ_o w_oj · d_mean_o / M
//
// First a small launch makes slope and level of the weights, 8 threads for each number, and d_expansion beside them, in f64. Then a block
// takes its chunk of pixels, tile by tile, through a product:
//
//                 narrow                  narrow
//           ┌───────────────┐        ┌───────────────┐
//           │ a − μ         │        │ slope         │         both in shared memory, as floats
//    pixels │               │   ×    └───────────────┘
//           │               │             4 channels (2 in f64) and 8 pixels (4 of f32 and f64) a thread: those whose x it has loaded
//           └───────────────┘             and, when d_a is there, still holds for the clamp, d_scale and d_x
//
// d_scale and d_shift are summed up in the thread for all of its chunk, then over the block, then by the last block over all
// (channel_last.h). d_x is rounded once, with d_x_so_far. Nothing is loaded ahead: while one block waits, others multiply.
//
// Of 16-bit values and few channels the second launch is that of expansion_moments_half_backward.h.
//
// Bytes: x, d_x_so_far and d_x once: of 16-bit types 2 + 4 + 2 a value. FLOPs: 2 · pixels · narrow², and those of prologue and
// clamp. Bank conflicts: none (MomentRows); the threads that are served together have the same pack of slope, or neighbouring
// ones.

#include "kernels/cuda/expansion_moments_half_backward.h"
#include "kernels/cuda/gemm.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = moment_gradient_threads;
constexpr int coefficients_of_block = 16;
constexpr int coefficient_slices = threads / coefficients_of_block;

/// How many pixels of a tile a thread has.
template <class T>
constexpr int pixels_of_thread = is_half_type<T> ? 8 : 4;

/// What the first launch makes: blocks of coefficients, if anybody wants what follows from them, and then blocks of d_expansion.
template <class T>
struct WeightsTask {
    using A = Accumulate<T>;

    ExpansionMomentsBackward args;
    A* slope;  // [narrow, narrow], and behind it level [narrow]
    int coefficient_blocks;
    GradientWriter<A> d_expansion;
};

/// Number i of slope, and behind it of level: one slice of the sum over o.
template <class T>
__device__ __forceinline__ double coefficient_of_slice(const ExpansionMomentsBackward& args, int64_t i,
                                                       int slice) {
    using A = Accumulate<T>;
    const int64_t narrow = args.narrow, j = i / narrow, k = i - j * narrow;
    const bool is_level = j == narrow;
    const T* w = static_cast<const T*>(args.expansion);
    double sum = 0;
    for (int64_t o = slice; o < args.channels; o += coefficient_slices) {
        const double w_k = static_cast<double>(load_value(w + o * narrow + k));
        const double factor =
            is_level ? at<A>(args.d_mean, o) / static_cast<double>(args.pixels)
                     : 2 * at<A>(args.d_m2, o) * static_cast<double>(load_value(w + o * narrow + j));
        sum += factor * w_k;
    }
    return sum;
}

template <class T>
__device__ __forceinline__ void make_coefficients(const WeightsTask<T>& task) {
    __shared__ double sums[coefficient_slices][coefficients_of_block];
    const int column = static_cast<int>(threadIdx.x) % coefficients_of_block;
    const int slice = static_cast<int>(threadIdx.x) / coefficients_of_block;
    const int64_t numbers = task.args.narrow * task.args.narrow + task.args.narrow;
    const int64_t i = int64_t{blockIdx.x} * coefficients_of_block + column;
    if (i < numbers) sums[slice][column] = coefficient_of_slice<T>(task.args, i, slice);
    __syncthreads();
    if (i >= numbers || slice != 0) return;
    double sum = 0;
    for (const auto& of_slice : sums) sum += of_slice[column];
    task.slope[i] = static_cast<Accumulate<T>>(sum);
}

/// S is symmetric: of its numbers in a row and in a column neighbouring threads read those that are neighbours.
template <class T>
__device__ __forceinline__ void put_expansion_gradient(const WeightsTask<T>& task, int64_t i) {
    using A = Accumulate<T>;
    const ExpansionMomentsBackward& args = task.args;
    const int64_t narrow = args.narrow, o = i / narrow, j = i - o * narrow;
    const T* w_o = static_cast<const T*>(args.expansion) + o * narrow;
    double scattered = 0;  // (S w_o)_j
    for (int64_t k = 0; k < narrow; ++k)
        scattered += at<A>(args.scatter, k * narrow + j) * static_cast<double>(load_value(w_o + k));
    const double from_m2 = 2 * at<A>(args.d_m2, o) * scattered;
    task.d_expansion(i, static_cast<A>(at<A>(args.d_mean, o) * at<A>(args.centre, j) + from_m2));
}

template <class T>
__global__ void __launch_bounds__(threads) moment_coefficients(WeightsTask<T> task) {
    const int block = static_cast<int>(blockIdx.x) - task.coefficient_blocks;
    if (block < 0) return make_coefficients(task);
    const int64_t i = int64_t{block} * threads + threadIdx.x;
    if (i < task.args.channels * task.args.narrow) put_expansion_gradient(task, i);
}

template <class T>
class MomentsGradientThread {
    using A = Accumulate<T>;
    using V = MomentPack<T>;
    static constexpr int count = pixels_of_thread<T>;

  public:
    /// memory: of the block, slope and a tile.
    __device__ __forceinline__ MomentsGradientThread(const MomentsGradient<T>& task, A* memory)
        : task_(task),
          slope_(memory),
          tile_(memory + task.narrow * task.narrow),
          loader_(task.rows, threads / task.rows.units),
          channel_(loader_.unit * V::size),
          chunk_(static_cast<int>(blockIdx.x)) {
        first_pixel_ = chunk_ * task.chunk_pixels;
        end_pixel_ = first_pixel_ + min(task.chunk_pixels, task.pixels - first_pixel_);
    }

    __device__ __forceinline__ void run() {
        copy_slope();
        for (int tile = first_pixel_; tile < end_pixel_; tile += count * loader_.rows) {
            load(tile);
            __syncthreads();
            if (loader_.works()) {
                V d_a[count];
                multiply(d_a);
                put(tile, d_a);
            }
            __syncthreads();
        }
        if (task_.sums.partials != nullptr) leave_sums();
    }

  private:
    __device__ __forceinline__ void copy_slope() const {
        const int packs = task_.narrow * task_.rows.units;
        for (int i = static_cast<int>(threadIdx.x) * V::size; i < packs * V::size; i += threads * V::size)
            store_pack(slope_ + i, load_pack(task_.slope + i));
    }

    /// Of the thread's rows of a tile: whether there is a pixel, and where it lies.
    __device__ __forceinline__ bool inside(int tile, int i) const {
        return tile + loader_.row + i * loader_.rows < end_pixel_;
    }
    __device__ __forceinline__ int index_of(int tile, int i) const {
        return (tile + loader_.row + i * loader_.rows) * task_.narrow + channel_;
    }
    /// Rows of a thread are a multiple of 8 apart, so that their units have changed places alike.
    __device__ __forceinline__ int row_stride() const {
        return divide_up(loader_.rows, 8) * 8 * task_.rows.units * V::size;
    }

    /// a − μ; behind the last pixel nothing.
    __device__ __forceinline__ void load(int tile) {
        if (!loader_.works()) return;
        VITRINE_UNROLL
        for (int i = 0; i < count; ++i) {
            x_[i] = {};
            if (inside(tile, i)) x_[i] = task_.x.fetch(index_of(tile, i));
        }
        const auto prologue = task_.x.channel(channel_);
        const V centre = load_pack(task_.centre + channel_);
        A* to = tile_ + task_.rows.place(loader_.row, loader_.unit) * V::size;
        VITRINE_UNROLL
        for (int i = 0; i < count; ++i) {
            V a = task_.x.finish(prologue, x_[i]);
            VITRINE_UNROLL
            for (int c = 0; c < V::size; ++c) a[c] -= centre[c];
            store_pack(to, a);
            to += row_stride();
        }
    }

    __device__ __forceinline__ void multiply(V (&d_a)[count]) const {
        const V level = load_pack(task_.slope + task_.narrow * task_.narrow + channel_);
        VITRINE_UNROLL
        for (int i = 0; i < count; ++i) d_a[i] = level;
        const int turn = task_.rows.turn(loader_.row);
        const A* const row = tile_ + loader_.row * task_.rows.units * V::size;
        const A* slope = slope_ + channel_;
        for (int unit = 0; unit < task_.rows.units; ++unit) {
            V slopes[V::size];
            VITRINE_UNROLL
            for (int k = 0; k < V::size; ++k) slopes[k] = load_pack(slope + k * task_.narrow);
            slope += V::size * task_.narrow;
            const A* from = row + (unit ^ turn) * V::size;
            VITRINE_UNROLL
            for (int i = 0; i < count; ++i) {
                const V a = load_pack(from);
                from += row_stride();
                VITRINE_UNROLL
                for (int k = 0; k < V::size; ++k) {
                    VITRINE_UNROLL
                    for (int c = 0; c < V::size; ++c) d_a[i][c] = multiply_add(a[k], slopes[k][c], d_a[i][c]);
                }
            }
        }
    }

    /// Through the clamp and the prologue. d_x_so_far of some rows is under way before the first of them is worked on.
    __device__ __forceinline__ void put(int tile, const V (&d_a)[count]) {
        const ChannelAffine<V> affine(task_.x.scale, task_.x.shift, channel_);
        VITRINE_UNROLL
        for (int first = 0; first < count; first += rows_in_flight) {
            V d_x[rows_in_flight];
            fetch_so_far(tile, first, d_x);
            VITRINE_UNROLL
            for (int i = 0; i < rows_in_flight; ++i)
                put_row(affine, inside(tile, first + i), index_of(tile, first + i),
                        widen_values<V, T>(x_[first + i]), d_a[first + i], d_x[i]);
        }
    }
    __device__ __forceinline__ void fetch_so_far(int tile, int first, V (&so_far)[rows_in_flight]) const {
        VITRINE_UNROLL
        for (int i = 0; i < rows_in_flight; ++i) so_far[i] = all_values<V>(A(0));
        if (!task_.d_x || task_.d_x_so_far == nullptr) return;
        VITRINE_UNROLL
        for (int i = 0; i < rows_in_flight; ++i) {
            if (inside(tile, first + i)) so_far[i] = load_pack(task_.d_x_so_far + index_of(tile, first + i));
        }
    }
    __device__ __forceinline__ void put_row(const ChannelAffine<V>& affine, bool here, int index, const V& x,
                                            const V& d_a, const V& d_x) {
        V u;
        VITRINE_UNROLL
        for (int c = 0; c < V::size; ++c) u[c] = affine(x, c);
        gradient_.template put<false>(task_, affine.scale, u, x, d_a, here, index, d_x);
    }

    /// The block's part of d_scale and d_shift, and all parts together where the block is the last.
    __device__ __forceinline__ void leave_sums() const {
        const int me = static_cast<int>(threadIdx.x), narrow = task_.narrow;
        // So far apart that the banks of a row of one sum are followed by those of the other.
        const int apart = divide_up(loader_.rows * narrow, 32) * 32 + narrow;
        if (loader_.works()) {
            A* const to = tile_ + loader_.row * narrow + channel_;
            store_pack(to, gradient_.scale_sums);
            store_pack(to + apart, gradient_.shift_sums);
        }
        __syncthreads();
        if (me < 2 * narrow) {
            const A* from = tile_ + (me < narrow ? me : apart + me - narrow);
            A sum = A(0);
            for (int row = 0; row < loader_.rows; ++row) sum += from[row * narrow];
            task_.sums.partials[int64_t{chunk_} * 2 * narrow + me] = sum;
        }
        task_.sums.template finish<threads>(chunk_, {0, 0, narrow}, tile_);
    }

    const MomentsGradient<T>& task_;
    A* const slope_;  // [narrow, narrow]
    A* const tile_;   // [rows of the tile, narrow], then sums
    const MomentLoader loader_;
    const int channel_;
    const int chunk_;
    int first_pixel_;
    int end_pixel_;
    StoredValues<V, T> x_[count];
    NarrowGradient<T> gradient_;
};

template <class T>
__global__ void __launch_bounds__(threads, 4) moment_input_gradient(MomentsGradient<T> task) {
    VITRINE_DYNAMIC_SHARED(Accumulate<T>, memory);
    MomentsGradientThread<T>(task, memory).run();
}

template <class Half, class Tile, bool linear>
__global__ void __launch_bounds__(threads, 4) half_moment_gradient(MomentsGradient<Half> task) {
    VITRINE_DYNAMIC_SHARED(float, memory);
    HalfMomentsGradientThread<Half, Tile, linear>(task, memory).run();
}

/// Returns slope and level, or null if nobody wants what follows from them.
template <class T>
const Accumulate<T>* weights_gradients(const ExpansionMomentsBackward& args, Context& context) {
    using A = Accumulate<T>;
    const int64_t numbers = args.narrow * args.narrow + args.narrow;
    WeightsTask<T> task{args, nullptr, 0, GradientWriter<A>(args.d_expansion)};
    if (args.d_x || args.d_scale || args.d_shift) {
        task.slope = context.scratch.take<A>(numbers);
        task.coefficient_blocks = static_cast<int>(divide_up(numbers, coefficients_of_block));
    }
    const int64_t weights = args.d_expansion ? args.channels * args.narrow : 0;
    const int64_t blocks = task.coefficient_blocks + divide_up(weights, threads);
    if (blocks > 0) launch(moment_coefficients<T>, blocks_for(blocks, 1), threads, 0, stream(), task);
    return task.slope;
}

/// The task but for the rows of a tile, of chunks that are known.
template <class T>
MomentsGradient<T> gradient_task(const ExpansionMomentsBackward& args, const MomentRows& rows,
                                 const MomentChunks& chunks, const Accumulate<T>* slope, Context& context) {
    using A = Accumulate<T>;
    PrologueSums<A> sums;
    if (args.d_scale || args.d_shift)
        sums = {chunks.count, 1, 2, args.narrow, PutPrologueSums<A>(args, context), context};
    return {PrologueSource<MomentPack<T>, T>(args.x, args.prologue),
            rows,
            static_cast<const A*>(args.centre),
            slope,
            static_cast<const A*>(args.d_x_so_far),
            ValuesWriter<T>(args.d_x),
            sums,
            static_cast<int>(args.pixels),
            static_cast<int>(args.narrow),
            static_cast<int>(chunks.pixels)};
}

/// Four blocks fit a multiprocessor: these are two rounds of 132.
constexpr int64_t most_blocks = 1024;

constexpr auto run_backward = all_types([]<class T>(const ExpansionMomentsBackward& args, Context& context) {
    const Accumulate<T>* const slope = weights_gradients<T>(args, context);
    if (slope == nullptr) return;
    const int narrow = static_cast<int>(args.narrow);
    const MomentRows rows(narrow / MomentPack<T>::size);
    const int rows_at_once = threads / rows.units;
    const MomentChunks chunks(args.pixels, pixels_of_thread<T> * rows_at_once, most_blocks);
    const int tile_rows = pixels_of_thread<T> * divide_up(rows_at_once, 8) * 8;
    launch(moment_input_gradient<T>, blocks_for(chunks.count, 1), threads,
           size_t{16} * static_cast<size_t>((narrow + tile_rows) * rows.units), stream(),
           gradient_task<T>(args, rows, chunks, slope, context));
});

template <class T, class Tile, bool linear>
void run_half(const ExpansionMomentsBackward& args, Context& context) {
    const float* const slope = weights_gradients<T>(args, context);
    if (slope == nullptr) return;
    const MomentChunks chunks(args.pixels, Tile::pixels, most_blocks);
    launch(half_moment_gradient<T, Tile, linear>, blocks_for(chunks.count, 1), threads,
           sizeof(float) * HalfMomentsGradientThread<T, Tile, linear>::memory_count, stream(),
           gradient_task<T>(args, MomentRows(1), chunks, slope, context));
}
template <class T, class Tile>
void run_half(const ExpansionMomentsBackward& args, Context& context) {
    if (args.prologue.activation == Activation::identity)
        run_half<T, Tile, true>(args, context);
    else
        run_half<T, Tile, false>(args, context);
}

}  // namespace

const char* refuses_tiled_moments(const ExpansionMomentsBackward& args) {
    // Of windows the expansion alone has a gradient, and that asks for none of them.
    if (args.windows.there()) return refuses_windows(args);
    return refuses_moment_tiles(args, args.centre, args.d_x_so_far, args.d_x.data);
}

void expansion_moments_tiled(const ExpansionMomentsBackward& args, Context& context) {
    run_backward.run(args, context);
}

const char* refuses_half_moments(const ExpansionMomentsBackward& args) {
    if (args.windows.there()) return "of windows there is nothing to multiply for";
    if (const char* reason = refuses_half_tensor_cores(args.dtype)) return reason;
    if (args.narrow > HalfMomentTile<2>::channels) return "the input has more than 32 channels";
    return refuses_tiled_moments(args);
}

void expansion_moments_half(const ExpansionMomentsBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        if constexpr (is_half_type<T>) {
            if (args.narrow <= HalfMomentTile<1>::channels)
                run_half<T, HalfMomentTile<1>>(args, context);
            else
                run_half<T, HalfMomentTile<2>>(args, context);
        }
    });
}

}  // namespace vitrine::VITRINE_GPU
