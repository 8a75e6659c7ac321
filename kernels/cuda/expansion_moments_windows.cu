// The moments of an expansion whose rows are windows of an image, forward, 16-bit values, by tensor cores.
//
// A block takes tiles of 8 × 16 windows into shared memory as a panel a [128, 32] (expanded_windows.h), a row a window, with a 1 in
// front of its numbers. So one product has all the sums:
//
//     aᵀ a [32, 32] = Σ  ⎡ 1   aᵀ  ⎤          M, Σ a and Σ a aᵀ, by mma in f32
//                        ⎣ a  a aᵀ ⎦
//
// and S = Σ a aᵀ − Σ a Σ aᵀ / M. Sums around zero lose what the mean is larger than the spread, squared; of normalised images that is
// nothing, and 16 bits of what lies far from zero have lost it already. A block's warps have every fourth 16 windows, the chunks are
// put together in f64.
//
// Both of the product's fragments are the same words: turned rows of 8 columns are B's, and two of them beside one another A's.
//
// Bytes: the image, 17 · 100 / (16 · 96) = 1.11 times what a tile has of it. FLOPs: 2,048 a window on tensor cores. Bank conflicts: those of
// the copy from lines to rows (expanded_windows.h).

#include "kernels/cuda/expanded_windows.h"
#include "kernels/cuda/expansion_moments_finish.h"

namespace vitrine::VITRINE_GPU {
namespace {

using MomentsTile = PixelTile<8, 16>;

template <class Half>
struct WindowMomentsTask {
    WindowImage<Half> x;
    TilePlan tiles;
    int height;  // of what the windows make
    int width;
    ChunkGroups plan;
    MomentParts<float> parts;
};

constexpr int panel_numbers = panel_columns * panel_columns;

template <class Half>
class WindowMomentsThread {
    using M = Mma<Half, half_mma_depth>;
    using Windows = WindowTile<Half, MomentsTile, /*ones=*/true>;
    static constexpr int tiles_across = panel_columns / M::columns;

  public:
    /// Of memory, in floats: the windows and their lines, then the warps' sums.
    static constexpr int memory_count =
        std::max(Windows::count + Windows::lines_count, expanded_warps* panel_numbers);

    __device__ __forceinline__ WindowMomentsThread(const WindowMomentsTask<Half>& task, float* memory)
        : task_(task), memory_(memory) {}

    __device__ __forceinline__ void run() {
        const int chunk = static_cast<int>(blockIdx.x), first = chunk * task_.tiles.tiles_of_chunk;
        const int end = min(first + task_.tiles.tiles_of_chunk, task_.tiles.tiles);
        TilePlace place(task_.tiles, first);
        for (int number = first; number < end; ++number, place.advance(task_.tiles)) {
            const MomentsTile tile{place.image, place.down * MomentsTile::rows,
                                   place.across * MomentsTile::columns, task_.height, task_.width};
            Windows::load(task_.x, tile, 0, memory_, memory_ + Windows::count);
            __syncthreads();
            for (int rows = warp_; rows < MomentsTile::products; rows += expanded_warps) multiply(rows * 16);
            __syncthreads();
        }
        leave_part(chunk);
        task_.parts.join(task_.plan, chunk, 0, 0, panel_numbers);
    }

  private:
    /// Of 16 windows.
    __device__ __forceinline__ void multiply(int row) {
        FragmentB<M> columns[tiles_across];
        Windows::Panel::load_turned_b(memory_, row, 0, columns);
        VITRINE_UNROLL
        for (int down = 0; down < 2; ++down) {
            const FragmentB<M>&upper = columns[2 * down], &lower = columns[2 * down + 1];
            const FragmentA<M> rows{{upper.words[0], lower.words[0], upper.words[1], lower.words[1]}};
            VITRINE_UNROLL
            for (int across = 0; across < tiles_across; ++across)
                multiply_matrices(sums_[down][across], rows, columns[across]);
        }
    }

    /// The warps' sums, put together.
    __device__ __forceinline__ void leave_part(int chunk) const {
        const FragmentPlace place;
        float* const mine = memory_ + warp_ * panel_numbers;
        VITRINE_UNROLL
        for (int down = 0; down < 2; ++down) {
            VITRINE_UNROLL
            for (int across = 0; across < tiles_across; ++across) {
                VITRINE_UNROLL
                for (int lower = 0; lower < 2; ++lower) {
                    const int row = down * 16 + place.c_row(2 * lower),
                              column = across * M::columns + place.c_column(0);
                    const float* const two = sums_[down][across].values + 2 * lower;
                    store_lanes(mine + row * panel_columns + column, ChannelPair{{two[0], two[1]}});
                }
            }
        }
        __syncthreads();
        float* const part = task_.parts.chunks + int64_t{chunk} * panel_numbers;
        for (int i = static_cast<int>(threadIdx.x); i < panel_numbers; i += expanded_threads) {
            float sum = memory_[i];
            for (int warp = 1; warp < expanded_warps; ++warp) sum += memory_[warp * panel_numbers + i];
            part[i] = sum;
        }
    }

    const WindowMomentsTask<Half>& task_;
    float* const memory_;
    const int warp_ = static_cast<int>(threadIdx.x) / 32;
    FragmentC sums_[2][tiles_across] = {};
};

template <class Half>
__global__ void __launch_bounds__(expanded_threads, 4) window_moment_sums(WindowMomentsTask<Half> task) {
    VITRINE_DYNAMIC_SHARED(float, memory);
    WindowMomentsThread<Half>(task, memory).run();
}

/// μ and S out of the product of all windows.
struct ScatterOfProduct {
    const double* totals;  // [32, 32], as the panel's columns are
    double per_pixel;      // 1 / M

    /// Where a panel has number j of a window.
    static __device__ __forceinline__ int column(int j) {
        return j / FirstLayerWindow::run * FirstLayerWindow::run_columns + 1 + j % FirstLayerWindow::run;
    }
    __device__ __forceinline__ double mean(int j) const { return totals[column(j)] * per_pixel; }
    __device__ __forceinline__ double scatter(int j, int k) const {
        return totals[column(j) * panel_columns + column(k)] -
               totals[column(j)] * totals[column(k)] * per_pixel;
    }
};

template <class Half>
void run(const ExpansionMomentsForward& args, Context& context) {
    constexpr int64_t blocks_wanted = 1024;
    const ConvShape shape = moments_shape(args);
    const TilePlan tiles(shape.out(), shape.batch, {MomentsTile::rows, MomentsTile::columns}, blocks_wanted);
    const ChunkGroups plan(tiles.chunks, 1);
    const WindowMomentsTask<Half> task{WindowImage<Half>(args),
                                       tiles,
                                       static_cast<int>(shape.out().height),
                                       static_cast<int>(shape.out().width),
                                       plan,
                                       MomentParts<float>(plan, panel_numbers, context)};
    launch(window_moment_sums<Half>, blocks_for(tiles.chunks, 1), expanded_threads,
           sizeof(float) * WindowMomentsThread<Half>::memory_count, stream(), task);
    finish_moments<Half>(args, ScatterOfProduct{task.parts.totals, 1 / static_cast<double>(args.pixels)},
                         context);
}

}  // namespace

const char* refuses_window_moments(const ExpansionMomentsForward& args) {
    if (!args.windows.there()) return "its rows are no windows";
    if (args.pixels == 0) return "there are no pixels";
    if (const char* reason = refuses_windows(args)) return reason;
    if (const char* reason = refuses_half_tensor_cores(args.dtype)) return reason;
    if (const char* reason = refuses_first_layer(args)) return reason;
    if (!fits_int(args.pixels * panel_columns)) return "more elements than an index of 32 bits can count";
    return aligned(args.x) ? nullptr : "a pointer is not aligned to 16 bytes";
}

void window_moments(const ExpansionMomentsForward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        if constexpr (is_half_type<T>) run<T>(args, context);
    });
}

}  // namespace vitrine::VITRINE_GPU
