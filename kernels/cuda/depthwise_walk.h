// How the fast depthwise kernels walk down an image.
//
// A block owns some channels and some columns, and walks down the rows of a strip of an image, then of the
// next strip. A thread owns a few channels (`width` of them) of one column, or of two, and 256 threads are
// channel_threads × column_threads. Each row that other columns need too goes through shared memory, where it is
// loaded once, two stages deep: while one stage is computed with, the next is on its way from global memory.
//
//     global memory:  ── channels ──▶  one access is 16 bytes; the threads of a pixel read 128 bytes or more
//     shared memory:  [stage 0 | stage 1] [row] [pixel] [channels of the block]
//     registers:      sums or a ring of the rows that are still needed, so that no row is loaded again
//
// What a strip costs beyond its rows is the few rows that its neighbour loads too. The plan below depends on
// shapes alone, and with it what is added to what.
#pragma once

#include <algorithm>
#include <bit>

#include "kernels/cuda/channel_last.h"
#include "kernels/cuda/depthwise_lanes.h"

namespace vitrine::VITRINE_GPU {

/// Threads of a block.
constexpr int walk_threads = 256;

/// A walk's shared memory: the stages of rows, and what belongs to the channels. Functions of a number of bytes, so that walks that
/// need as much share the variables, whatever their type (kernels/simt/README.md says what each costs there).
template <size_t size>
__device__ __forceinline__ unsigned char* stage_bytes() {
    alignas(16) __shared__ unsigned char stages[size];
    return stages;
}
template <size_t size>
__device__ __forceinline__ unsigned char* parameter_bytes() {
    alignas(16) __shared__ unsigned char parameters[size];
    return parameters;
}
template <class T, int count>
__device__ __forceinline__ T* walk_stages() {
    return reinterpret_cast<T*>(stage_bytes<sizeof(T) * static_cast<size_t>(count)>());
}
template <class T, int count>
__device__ __forceinline__ T* walk_parameters() {
    return reinterpret_cast<T*>(parameter_bytes<sizeof(T) * static_cast<size_t>(count)>());
}

/// The compile-time side of a walk. `wide`: global memory in accesses of 16 bytes; else one value at a time,
/// for channels or pointers that do not allow that.
///
/// A 5×5 kernel has 25 weights a channel: its threads own half the channels, so that they stay in registers. In 16-bit
/// types, too, a thread owns half as many channels as of floats, which leaves room for a second block backward; it
/// loads 8 values at once, which become floats on their way into shared memory.
template <class Real, int kernel_size, int stride_size, bool wide_accesses>
struct WalkShape {
    using Element = Real;        // in global memory
    using T = Accumulate<Real>;  // in shared memory and in registers
    static constexpr int kernel = kernel_size;
    static constexpr int stride = stride_size;
    static constexpr bool wide = wide_accesses;
    static constexpr int taps = kernel * kernel;
    static constexpr int load_width = wide ? Pack<Real>::size : 1;
    static constexpr int widest = wide ? Pack<T>::size : 1;
    static constexpr int width =
        wide ? widest / (kernel > 3 ? 2 : 1) / (is_half_type<Element> ? 2 : 1) : widest;
    /// Output rows (or columns) that an input row takes part in, less one.
    static constexpr int reach = (kernel - 1) / stride;
    /// Columns of the walk that a thread owns: neighbours share what is loaded, and what is computed to find it.
    static constexpr int columns = is_half_type<Element> && kernel == 3 && stride == 1 ? 2 : 1;

    /// Threads of a block beside each other along the channels; the fewest give whole passes over the banks.
    static constexpr int fewest_channel_threads = wide ? 8 * widest / width : 32;
    static constexpr int most_channel_threads = wide ? 32 * widest / width : 32;
    /// 2^load_shift threads compute what one access brings.
    static constexpr int load_shift = std::countr_zero(static_cast<unsigned>(load_width / width));
};

/// Who walks where. One image has `rows` × `columns` places; a unit is one strip of one image.
struct Walk {
    int channels;
    int channel_threads;  // of a block: 2^channel_shift
    int channel_shift;
    int channels_of_block;
    int column_threads;
    int columns_of_block;
    int groups;  // blocks along the channels
    int tiles;   // blocks along the columns
    int rows;
    int columns;
    int strip_rows;
    int strips;
    int units;  // batch · strips
    int units_of_block;

    int chunks() const { return tiles * divide_up(units, units_of_block); }
    dim3 grid() const { return {static_cast<unsigned>(groups * chunks())}; }
    bool empty() const { return groups * tiles * units == 0; }
};

/// First the least work for one image, idle threads and shared pixels included; then enough blocks to fill a
/// GPU, by strips; then blocks that walk long.
template <class Shape>
Walk plan_walk(int64_t batch, int64_t rows, int64_t columns, int64_t channels) {
    constexpr int blocks_wanted = 1024;
    // A strip loads kernel − stride rows that are not its own: at most an eighth more.
    constexpr int fewest_strip_rows = 8 * (Shape::kernel - 1) / Shape::stride;
    Walk walk{};
    walk.channels = static_cast<int>(channels);
    walk.rows = static_cast<int>(rows);
    walk.columns = static_cast<int>(columns);
    int64_t least_work = 0;
    for (int along = Shape::fewest_channel_threads; along <= Shape::most_channel_threads; along *= 2) {
        const int across = walk_threads / along * Shape::columns;
        const int groups = divide_up(walk.channels, along * Shape::width);
        const int tiles = divide_up(walk.columns, across);
        const int pixels = across + across * Shape::stride + Shape::kernel - Shape::stride;
        const int64_t work = int64_t{groups} * tiles * along * pixels;
        if (least_work != 0 && work >= least_work) continue;
        least_work = work;
        walk.channel_threads = along;
        walk.channel_shift = std::countr_zero(static_cast<unsigned>(along));
        walk.channels_of_block = along * Shape::width;
        walk.column_threads = walk_threads / along;
        walk.columns_of_block = across;
        walk.groups = groups;
        walk.tiles = tiles;
    }
    const int64_t blocks = std::max<int64_t>(1, int64_t{walk.groups} * walk.tiles);
    const int64_t strips =
        std::clamp<int64_t>(divide_up(int64_t{blocks_wanted}, std::max<int64_t>(1, blocks * batch)), 1,
                            std::max(1, walk.rows / fewest_strip_rows));
    walk.strip_rows = std::max(1, divide_up(walk.rows, static_cast<int>(strips)));
    walk.strips = divide_up(walk.rows, walk.strip_rows);
    walk.units = static_cast<int>(batch) * walk.strips;
    walk.units_of_block = static_cast<int>(std::max<int64_t>(1, blocks * walk.units / blocks_wanted));
    return walk;
}

/// Where a thread stands in its block, and its block in the walk.
template <class Shape>
struct Place {
    int first_channel;  // of the block
    int channel;        // of the thread: the first of Shape::width
    int lane;           // of the thread along the channels, in values
    int column_thread;  // which along the columns
    int column;         // of the thread in its block: the first of Shape::columns
    int first_column;   // of the block
    int chunk;          // which of Walk::chunks partial sums the block leaves
    int first_unit;
    int end_unit;
    bool active;  // the thread has a column and channels

    __device__ __forceinline__ explicit Place(const Walk& walk) {
        const int thread = static_cast<int>(threadIdx.x);
        const int block = static_cast<int>(blockIdx.x);
        lane = (thread & (walk.channel_threads - 1)) * Shape::width;
        column_thread = thread >> walk.channel_shift;
        column = column_thread * Shape::columns;
        first_channel = block % walk.groups * walk.channels_of_block;
        channel = first_channel + lane;
        chunk = block / walk.groups;
        first_column = chunk % walk.tiles * walk.columns_of_block;
        first_unit = chunk / walk.tiles * walk.units_of_block;
        end_unit = min(first_unit + walk.units_of_block, walk.units);
        active = channel < walk.channels && first_column + column < walk.columns;
    }
};

/// The block's channels, as those of a partial result.
template <class Shape>
__device__ __forceinline__ ChannelTile channel_tile(const Walk& walk, const Place<Shape>& place) {
    return {place.first_channel / walk.channels_of_block, place.first_channel,
            min(walk.channels_of_block, walk.channels - place.first_channel)};
}

/// A strip of an image: rows [begin, end) of the walk.
struct Strip {
    int image;
    int begin;
    int end;

    __device__ __forceinline__ Strip(const Walk& walk, int unit) {
        image = unit / walk.strips;
        begin = unit % walk.strips * walk.strip_rows;
        end = min(begin + walk.strip_rows, walk.rows);
    }
};

/// What belongs to the block's channels, in shared memory for the whole walk: rows of [channels of the
/// block], row_values apart, whatever the block, so that a row's place is known when it is compiled.
template <class Shape, int rows>
class Parameters {
    using T = typename Shape::T;
    static constexpr int width = Shape::load_width;

  public:
    static constexpr int row_values = Shape::most_channel_threads * Shape::width;
    static constexpr int values = rows * row_values;

    __device__ __forceinline__ Parameters(T* shared, const Walk& walk, int first_channel)
        : shared_(shared), walk_(walk), first_channel_(first_channel) {}

    /// Fills `count` rows from [count, channels] · factor, or all with `otherwise` if there is no such
    /// array. A barrier must follow.
    template <class From>
    __device__ __forceinline__ void fill(int row, int count, const From* from, T otherwise, T factor = T(1)) {
        fill_by(row, count, otherwise, from != nullptr, [&](int of_count, int channel) {
            auto lanes = load_lanes<width>(from + of_count * walk_.channels + channel);
            VITRINE_UNROLL
            for (int k = 0; k < width; ++k) lanes[k] *= factor;
            return lanes;
        });
    }

    /// Fills them with value(of count, channel), the lanes from a channel on; with `otherwise` if there are not any.
    template <class Value>
    __device__ __forceinline__ void fill_by(int row, int count, T otherwise, bool any, Value&& value) {
        const int shift = walk_.channel_shift - Shape::load_shift;
        for (int i = static_cast<int>(threadIdx.x); i < count << shift; i += walk_threads) {
            const int of_count = i >> shift;
            const int lane = (i - (of_count << shift)) * width;
            const int channel = first_channel_ + lane;
            Lanes<T, width> lanes = all_lanes<T, width>(otherwise);
            if (any && channel < walk_.channels) lanes = value(of_count, channel);
            store_lanes(shared_ + (row + of_count) * row_values + lane, lanes);
        }
    }

    /// Of the channels that the thread computes; of those that it loads and puts into shared memory.
    __device__ __forceinline__ const T* of_thread(int row) const {
        return shared_ + row * row_values + lane<Shape::width>();
    }
    __device__ __forceinline__ const T* of_load(int row) const {
        return shared_ + row * row_values + lane<width>();
    }

  private:
    /// The first of `each` channels that are the thread's, among those of the block.
    template <int each>
    __device__ __forceinline__ int lane() const {
        return static_cast<int>(threadIdx.x) * each & (walk_.channels_of_block - 1);
    }

    T* shared_;
    const Walk& walk_;
    int first_channel_;
};

/// Adds up `values` over the threads of a block that are beside each other along the columns, by halving. Complete in the
/// first. All threads must call it.
/// shared: at least count · walk_threads / 2 · Shape::width values.
template <class Shape, int count, class T>
__device__ __forceinline__ void sum_columns(const Walk& walk, const Place<Shape>& place,
                                            Lanes<T, Shape::width> (&values)[count], T* shared) {
    constexpr int width = Shape::width;
    const int across = walk.channels_of_block;
    for (int half = walk.column_threads / 2; half > 0; half /= 2) {
        __syncthreads();
        if (place.column_thread >= half && place.column_thread < 2 * half) {
            VITRINE_UNROLL
            for (int n = 0; n < count; ++n)
                store_lanes(shared + (n * half + place.column_thread - half) * across + place.lane,
                            values[n]);
        }
        __syncthreads();
        if (place.column_thread < half) {
            VITRINE_UNROLL
            for (int n = 0; n < count; ++n) {
                const auto other =
                    load_lanes<width>(shared + (n * half + place.column_thread) * across + place.lane);
                VITRINE_UNROLL
                for (int k = 0; k < width; ++k) values[n][k] += other[k];
            }
        }
    }
}

/// The two stages of rows in shared memory.
template <class T>
struct TwoStages {
    const T* here;  // what the thread reads of the one that is computed with
    T* next;        // the other, which is filled meanwhile
    int apart;

    /// mine: where in a stage the thread begins to read. values: of a stage.
    __device__ __forceinline__ TwoStages(T* shared, int mine, int values)
        : here(shared + mine), next(shared + values), apart(values) {}

    __device__ __forceinline__ void swap() {
        here += apart;
        next -= apart;
        apart = -apart;
    }
};

/// Rows on their way through registers into shared memory.
///
/// A stage is `rows` rows of columns · step + halo pixels. Source says what a value is: fetch() starts its
/// loads, finish() computes it when they have arrived, so that the time between the two hides the latency.
template <class Shape, class Source, int rows, int step, int halo>
class RowStage {
    using T = typename Shape::T;
    static constexpr int width = Shape::load_width;
    static constexpr int most_slots = rows * (walk_threads * Shape::columns * Shape::width / width * step +
                                              Shape::most_channel_threads * Shape::width / width * halo);
    static constexpr int loads = divide_up(most_slots, walk_threads);
    /// Those of the columns without the halo are there whatever the walk.
    static constexpr int fewest_slots = rows * walk_threads * Shape::columns * Shape::width / width * step;

  public:
    /// Of shared memory, for one stage, in values.
    static constexpr int values = most_slots * width;

    /// first_pixel: the column of the image that the block's segment starts with; may be outside.
    __device__ __forceinline__ RowStage(const Walk& walk, const Place<Shape>& place, int first_pixel,
                                        int image_width) {
        const int shift = walk.channel_shift - Shape::load_shift;
        const int pixels = walk.columns_of_block * step + halo;
        row_slots_ = pixels << shift;
        image_row_ = image_width * walk.channels;
        ever_ = 0;
        VITRINE_UNROLL
        for (int k = 0; k < loads; ++k) {
            const int of_row = slot(k) - row(k) * row_slots_;
            const int pixel = first_pixel + (of_row >> shift);
            const int channel = place.first_channel + (of_row - (of_row >> shift << shift)) * width;
            const bool ever =
                slot(k) < rows * row_slots_ && pixel >= 0 && pixel < image_width && channel < walk.channels;
            if (ever) ever_ |= 1u << (2 * k + row(k));
            offset_[k] = row(k) * image_row_ + pixel * walk.channels + channel;
        }
    }

    /// Of shared memory, for one row.
    __device__ __forceinline__ int row_values() const { return row_slots_ * width; }

    /// Starts loading first_row, first_row + 1 …; rows outside [0, height) become zeros. image: the index of its first value.
    __device__ __forceinline__ void fetch(const Source& source, int image, int first_row, int height) {
        const bool first_inside = static_cast<unsigned>(first_row) < static_cast<unsigned>(height);
        const bool second_inside = static_cast<unsigned>(first_row + 1) < static_cast<unsigned>(height);
        inside_ = ever_ & ((first_inside ? first_rows : 0u) | (second_inside ? second_rows : 0u));
        const int first = image + first_row * image_row_;
        VITRINE_UNROLL
        for (int k = 0; k < loads; ++k) {
            if (inside(k)) source.fetch(first + offset_[k], raw_[k]);
        }
    }

    __device__ __forceinline__ void put(const Source& source, T* shared) const {
        VITRINE_UNROLL
        for (int k = 0; k < loads; ++k) {
            if ((k + 1) * walk_threads > fewest_slots && slot(k) >= rows * row_slots_) continue;
            store_lanes(shared + slot(k) * width,
                        inside(k) ? source.finish(raw_[k]) : all_lanes<T, width>(T(0)));
        }
    }

  private:
    /// What a thread loads: slot k of a stage. Computed anew each time, which is cheaper than to keep it.
    static __device__ __forceinline__ int slot(int k) {
        return static_cast<int>(threadIdx.x) + k * walk_threads;
    }
    __device__ __forceinline__ int row(int k) const { return slot(k) >= row_slots_ ? 1 : 0; }
    static_assert(rows <= 2);

    __device__ __forceinline__ bool inside(int k) const { return (inside_ >> (2 * k) & 3u) != 0; }

    static constexpr unsigned first_rows = 0x55555555u;
    static constexpr unsigned second_rows = 0xAAAAAAAAu;
    static_assert(loads <= 16);

    int offset_[static_cast<size_t>(loads)];  // from the stage's first row
    unsigned ever_;        // bit 2k + r: slot k is of row r, and of the image's columns and channels
    unsigned inside_ = 0;  // the same of those that hold a value of the image
    typename Source::Raw raw_[static_cast<size_t>(loads)] = {};
    int row_slots_;
    int image_row_;
};

/// Calls run.template operator()<WalkShape<…>>() for arguments that the walk does not refuse. wide: walks_in_packs().
template <class Run>
void dispatch_walk(DType dtype, const ConvShape& shape, bool wide, Run&& run) {
    dispatch_storage(dtype, [&]<class T>() {
        const auto with_stride = [&]<int kernel, int stride>() {
            if (wide) {
                run.template operator()<WalkShape<T, kernel, stride, true>>();
            } else if constexpr (!is_half_type<T>) {
                run.template operator()<WalkShape<T, kernel, stride, false>>();
            }
        };
        const bool small = shape.kernel.height == 3;
        if (shape.stride.height == 1) {
            small ? with_stride.template operator()<3, 1>() : with_stride.template operator()<5, 1>();
        } else {
            small ? with_stride.template operator()<3, 2>() : with_stride.template operator()<5, 2>();
        }
    });
}

}  // namespace vitrine::VITRINE_GPU
