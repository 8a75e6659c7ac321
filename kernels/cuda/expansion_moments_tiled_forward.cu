// The moments of an expansion, forward, from one reading of x.
//
// With a centre c near the mean, the sums over all pixels of a − c and of (a − c)(a − c)ᵀ tell μ and S:
//
//     d = Σ (a − c) / M        μ = c + d        S = Σ (a − c)(a − c)ᵀ − M d dᵀ
//
// c is the mean of 32 pixels from all over the tensor, the same for every block. So the blocks' sums need only be added up, and
// what is taken off S is a 32nd of it or so, where around zero it might be all of it but a few digits.
//
// A block takes its chunk of pixels tile by tile into shared memory: a − c, as floats. Each warp has a cell of S
// (expansion_moments_cells.h), in the registers of each of its lanes, and each lane pixels of its own: of 16 values that it reads it makes
// 64 products. At the end lanes exchange their sums, warps theirs through shared memory, and the last block adds up the chunks,
// in f64 and in their order (channel_last.h). Each m2 follows from all of S, so that is a launch of its own, with a
// warp for each wide channel.
//
// Bytes: pixels · narrow of x, once up to 32 channels (16 in f64), then once for each slice. FLOPs: pixels · narrow · (narrow + 1),
// and those of the prologue. Bank conflicts: none (MomentRows).

#include "kernels/cuda/expansion_moments_cells.h"
#include "kernels/cuda/expansion_moments_finish.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int most_threads = 512;
constexpr int loads_of_thread = 4;  // of a tile
constexpr int samples = 32;

template <class T>
struct MomentSums {
    using A = Accumulate<T>;

    PrologueSource<MomentPack<T>, T> x;
    MomentRows rows;
    MomentCells cells;
    ChunkGroups plan;
    A* centre;             // [narrow]: c
    MomentParts<A> parts;  // [cells, numbers]
    int pixels;
    int narrow;
    int chunk_pixels;
    int tile_pixels;
};

/// Adds up over 2 · half neighbouring lanes, of which each is left with every so-many-th sum: lane l of `width` with those of l and
/// l + width, in sums[0] and sums[width].
template <int width, int half = width / 2, class A, int count>
__device__ __forceinline__ void share_out_sums(A (&sums)[count]) {
    if constexpr (half > 0) {
        const bool upper = (threadIdx.x & unsigned{half}) != 0;
        VITRINE_UNROLL
        for (int k = 0; k < count; ++k) {
            if (k % width >= half) continue;
            const A mine = upper ? sums[k + half] : sums[k], theirs = upper ? sums[k] : sums[k + half];
            sums[k] = mine + __shfl_xor_sync(0xFFFFFFFFu, theirs, half);
        }
        share_out_sums<width, half / 2>(sums);
    }
}

template <class T>
class MomentsThread {
    using A = Accumulate<T>;
    using V = MomentPack<T>;
    using Cell = MomentCell<A>;

  public:
    /// memory: of the block, a tile of rows, and another row behind them.
    __device__ __forceinline__ MomentsThread(const MomentSums<T>& task, A* memory)
        : task_(task),
          tile_(memory),
          centre_(memory + task.tile_pixels * task.rows.units * V::size),
          loader_(task.rows, task.tile_pixels / loads_of_thread),
          slice_(static_cast<int>(blockIdx.y)),
          first_warp_(slice_ * task.cells.warps),
          warp_(first_warp_ + static_cast<int>(threadIdx.x) / 32),
          chunk_(static_cast<int>(blockIdx.x)) {
        first_pixel_ = chunk_ * task.chunk_pixels;
        end_pixel_ = first_pixel_ + min(task.chunk_pixels, task.pixels - first_pixel_);
        find_cell();
    }

    __device__ __forceinline__ void run() {
        fetch(first_pixel_);
        find_centre();
        for (int pixel = first_pixel_; pixel < end_pixel_; pixel += task_.tile_pixels) {
            if (pixel + task_.tile_pixels <= end_pixel_) {
                store<true>(pixel);
            } else {
                store<false>(pixel);
            }
            __syncthreads();
            fetch(pixel + task_.tile_pixels);
            multiply();
            __syncthreads();
        }
        const int first_cell = task_.cells.cell_of(first_warp_);
        const int last_warp = min(first_warp_ + task_.cells.warps, task_.cells.all_warps()) - 1;
        const int cells = task_.cells.cell_of(last_warp) + 1 - first_cell;
        leave_part(first_cell, cells);
        task_.parts.join(task_.plan, chunk_, slice_, first_cell * Cell::numbers, cells * Cell::numbers);
    }

  private:
    __device__ __forceinline__ int channel() const { return loader_.unit * V::size; }
    /// Beyond the last channel rows are zero.
    __device__ __forceinline__ bool loads() const { return loader_.works() && channel() < task_.narrow; }

    /// c: its pixels are not evenly apart, lest they be the same corner of different images.
    __device__ __forceinline__ void find_centre() {
        for (int sample = loader_.row; loader_.works() && sample < samples; sample += loader_.rows) {
            V a{};
            if (loads()) {
                const auto pixel = static_cast<int>(int64_t{sample} * (task_.pixels - 1) / (samples - 1));
                a = task_.x.finish(task_.x.channel(channel()),
                                   task_.x.fetch(pixel * task_.narrow + channel()));
            }
            store_pack(tile_ + (sample * task_.rows.units + loader_.unit) * V::size, a);
        }
        __syncthreads();
        const int me = static_cast<int>(threadIdx.x), width = task_.rows.units * V::size;
        if (me < width) {
            const A mean = mean_of_samples(tile_ + me, width);
            centre_[me] = mean;
            if (chunk_ == 0 && slice_ == 0 && me < task_.narrow) task_.centre[me] = mean;
        }
        __syncthreads();
    }
    /// As a tree: of equal samples it is the sample itself, and nothing spreads.
    static __device__ __forceinline__ A mean_of_samples(const A* column, int width) {
        A sums[samples / 2];
        VITRINE_UNROLL
        for (int i = 0; i < samples / 2; ++i) sums[i] = column[i * width] + column[(i + samples / 2) * width];
        VITRINE_UNROLL
        for (int half = samples / 4; half > 0; half /= 2) {
            VITRINE_UNROLL
            for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
        }
        return sums[0] / A(samples);
    }

    __device__ __forceinline__ void fetch(int tile) {
        VITRINE_UNROLL
        for (int k = 0; k < loads_of_thread; ++k) {
            const int pixel = tile + loader_.row + k * loader_.rows;
            raw_[k] = {};
            if (loads() && pixel < end_pixel_) raw_[k] = task_.x.fetch(pixel * task_.narrow + channel());
        }
    }
    /// a − c; behind the last pixel nothing, nor behind the last channel, whose x, prologue and centre are zero.
    template <bool whole>
    __device__ __forceinline__ void store(int tile) const {
        if (!loader_.works()) return;
        typename PrologueSource<V, T>::Channel prologue{};
        if (loads()) prologue = task_.x.channel(channel());
        const V centre = load_pack(centre_ + channel());
        // Rows of a thread are a multiple of 8 apart: their units have changed places alike.
        A* to = tile_ + task_.rows.place(loader_.row, loader_.unit) * V::size;
        VITRINE_UNROLL
        for (int k = 0; k < loads_of_thread; ++k) {
            V a = task_.x.finish(prologue, raw_[k]);
            const bool inside = whole || tile + loader_.row + k * loader_.rows < end_pixel_;
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) a[i] = inside ? a[i] - centre[i] : A(0);
            store_pack(to, a);
            to += loader_.rows * task_.rows.units * V::size;
        }
    }

    /// The neighbouring channels of a pixel that a cell has in a row or in a column.
    struct Line {
        A value[Cell::edge];

        __device__ __forceinline__ Line(const A* row, const int (&places)[2]) {
            const V low = load_pack(row + places[0]), high = load_pack(row + places[1]);
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) {
                value[i] = low[i];
                value[V::size + i] = high[i];
            }
        }
    };

    /// What the warp has of S, and the lane of the rows of a tile.
    __device__ __forceinline__ void find_cell() {
        const MomentCells& cells = task_.cells;
        const int length = task_.rows.units * V::size, cell = cells.cell_of(warp_);
        int row = cell - cells.squares, column = row;
        is_triangle_ = row >= 0;
        if (!is_triangle_) {
            row = 0;
            column = cell + 1;
            while (column >= cells.across) column += ++row + 1 - cells.across;
        }
        const int begin = (warp_ - cells.first_warp(cell)) * 32 + static_cast<int>(threadIdx.x) % 32;
        step_ = cells.warps_of(cell) * 32 * length;
        // A warp without a cell has no rows.
        first_ = tile_ + (warp_ < cells.all_warps() ? begin : task_.tile_pixels) * length;
        // Rows of a lane are a multiple of 8 apart: their units have changed places alike.
        const int turn = task_.rows.turn(begin);
        VITRINE_UNROLL
        for (int half = 0; half < 2; ++half) {
            row_places_[half] = ((2 * row + half) ^ turn) * V::size;
            column_places_[half] = ((2 * column + half) ^ turn) * V::size;
        }
    }
    __device__ __forceinline__ void multiply() {
        const A* const end = tile_ + task_.tile_pixels * task_.rows.units * V::size;
        if (is_triangle_) {
            for (const A* a = first_; a < end; a += step_) add_triangle(Line(a, row_places_));
        } else {
            for (const A* a = first_; a < end; a += step_)
                add_square(Line(a, row_places_), Line(a, column_places_));
        }
    }
    __device__ __forceinline__ void add_triangle(const Line& a) {
        VITRINE_UNROLL
        for (int j = 0; j < Cell::edge; ++j) {
            VITRINE_UNROLL
            for (int k = 0; k <= j; ++k) {
                A& sum = sums_[Cell::in_triangle(j, k)];
                sum = multiply_add(a.value[j], a.value[k], sum);
            }
            sums_[Cell::triangle + j] += a.value[j];
        }
    }
    __device__ __forceinline__ void add_square(const Line& left, const Line& right) {
        VITRINE_UNROLL
        for (int j = 0; j < Cell::edge; ++j) {
            VITRINE_UNROLL
            for (int k = 0; k < Cell::edge; ++k) {
                A& sum = sums_[j * Cell::edge + k];
                sum = multiply_add(left.value[j], right.value[k], sum);
            }
        }
    }

    /// The block's sums, over the lanes of a warp and then over the warps of a cell.
    __device__ __forceinline__ void leave_part(int first_cell, int cells) {
        constexpr int width = std::min(32, Cell::numbers);
        const int lane = static_cast<int>(threadIdx.x) % 32;
        share_out_sums<width>(sums_);
        A* const mine = tile_ + (warp_ - first_warp_) * Cell::numbers;
        VITRINE_UNROLL
        for (int k = 0; k < Cell::numbers; k += width) {
            // Half a warp is enough for a cell of f64: the other half's are other pixels' sums.
            for (int lanes = width; lanes < 32; lanes *= 2)
                sums_[k] += __shfl_xor_sync(0xFFFFFFFFu, sums_[k], lanes);
            if (lane < width) mine[k + lane] = sums_[k];
        }
        __syncthreads();
        A* const to =
            task_.parts.chunks + (int64_t{chunk_} * task_.cells.count() + first_cell) * Cell::numbers;
        for (int i = static_cast<int>(threadIdx.x); i < cells * Cell::numbers;
             i += static_cast<int>(blockDim.x)) {
            const int cell = first_cell + i / Cell::numbers;
            const A* from =
                tile_ + (task_.cells.first_warp(cell) - first_warp_) * Cell::numbers + i % Cell::numbers;
            A sum = from[0];
            for (int warp = 1; warp < task_.cells.warps_of(cell); ++warp) sum += from[warp * Cell::numbers];
            to[i] = sum;
        }
    }

    const MomentSums<T>& task_;
    A* const tile_;    // [tile_pixels, units], then the warps' sums
    A* const centre_;  // [units]
    const MomentLoader loader_;
    const int slice_;
    const int first_warp_;  // of the slice
    const int warp_;        // counted over all slices
    const int chunk_;
    int first_pixel_;
    int end_pixel_;
    bool is_triangle_;
    const A* first_;  // of the lane's rows of a tile
    int step_;        // from one to the next
    int row_places_[2];
    int column_places_[2];
    StoredValues<V, T> raw_[loads_of_thread];
    A sums_[Cell::numbers] = {};
};

template <class T>
__global__ void __launch_bounds__(most_threads, 1) moment_sums(MomentSums<T> task) {
    VITRINE_DYNAMIC_SHARED(Accumulate<T>, memory);
    MomentsThread<T>(task, memory).run();
}

/// Rows that a block loads at once, so that each warp of a cell has as many.
int rows_at_once(const MomentCells& cells, const MomentRows& rows) {
    const int even = 8 * cells.square_warps;
    return 32 * cells.warps / rows.units / even * even;
}

constexpr auto run_forward = all_types([]<class T>(const ExpansionMomentsForward& args, Context& context) {
    using A = Accumulate<T>;
    using Cell = MomentCell<A>;
    const int narrow = static_cast<int>(args.narrow);
    const MomentCells cells(narrow, Cell::edge);
    const MomentRows rows(2 * cells.across);
    const int threads = 32 * cells.warps, tile_pixels = loads_of_thread * rows_at_once(cells, rows);
    // So many threads fit a multiprocessor, in whole blocks: these are two rounds of 132.
    const MomentChunks chunks(args.pixels, tile_pixels, 2 * 132 * (most_threads / threads) / cells.slices);
    const ChunkGroups plan(chunks.count, cells.slices);
    const MomentSums<T> task{PrologueSource<MomentPack<T>, T>(args.x, args.prologue),
                             rows,
                             cells,
                             plan,
                             context.scratch.take<A>(narrow),
                             MomentParts<A>(plan, int64_t{cells.count()} * Cell::numbers, context),
                             static_cast<int>(args.pixels),
                             narrow,
                             static_cast<int>(chunks.pixels),
                             tile_pixels};
    dim3 grid = blocks_for(chunks.count, 1);
    grid.y = static_cast<unsigned>(cells.slices);
    launch(moment_sums<T>, grid, static_cast<unsigned>(threads),
           size_t{16} * static_cast<size_t>((tile_pixels + 1) * rows.units), stream(), task);
    finish_moments<T>(
        args, ScatterOfSums<A>{cells, task.parts.totals, task.centre, 1 / static_cast<double>(args.pixels)},
        context);
});

}  // namespace

const char* refuses_tiled_moments(const ExpansionMomentsForward& args) {
    return args.windows.there() ? "its rows are windows" : refuses_moment_tiles(args);
}

void expansion_moments_tiled(const ExpansionMomentsForward& args, Context& context) {
    run_forward.run(args, context);
}

}  // namespace vitrine::VITRINE_GPU
