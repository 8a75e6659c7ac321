// The way of an operand of a matrix product (gemm.h) from its loader (gemm_operands.h) into shared memory.
//
// It goes by way of registers: fetch() begins the loads, the step before is multiplied, store() prepares the values and puts
// them down. What needs no preparing is copied by the memory's own machinery (cp.async): fetch() begins that, and store() has
// nothing to do.
//
// Beyond the last line and the last k there is nothing to load, and it takes a question at each load and another at each store
// to find that out. The tile of 16-bit values, whose mma are quick, goes without: of A it takes what is there last once more,
// and of B zeros, which a copy makes by itself and everybody else puts there behind the last step. What is beyond the last line
// comes from the first one, and goes into sums that nobody wants. (A value that is not finite makes no other line's sums so.)
#pragma once

#include <bit>

#include "kernels/cuda/gemm_half_tensor.h"

namespace vitrine::VITRINE_GPU {

/// A loader whose values are multiplied as they lie in memory: it has their address, too.
template <class Loader>
concept AsStored = requires(const Loader& loader, const typename Loader::Line& line,
                            const typename Loader::Depth& depth) {
    loader.address(line, depth);
};

/// A layout in shared memory of what lies in global memory: packs can be copied into it.
template <class Layout>
concept TakesCopies = requires(float* shared, const typename Layout::Element* from) {
    Layout::copy(shared, 0, 0, from, true);
};

/// A layout that has 16-bit values as one term each, and a loader that rounds them by itself.
template <class Layout, class Loader>
concept TakesRounded = Layout::terms == 1 &&
                       requires(float* shared, const Loader& loader, const typename Loader::Line& line,
                                const typename Loader::Depth& depth, const typename Loader::Raw& raw) {
    Layout::store_words(shared, 0, 0, loader.finish_rounded(line, depth, raw));
};

/// A tile that wants values beyond the last k and the last line, whichever they are.
template <class Tile>
concept LoadsBeyond = Tile::loads_beyond;

/// A tile that has the lines of B in an order of its own where they lie line by line.
template <class Tile>
concept DealsLines = requires {
    Tile::line_at(0);
};

/// One operand, A or B. Each thread loads the same places of every step.
///
/// Loads along k bring a line's 8 k by 2 threads (packs of 4 floats), so a warp reads 16 lines in pieces of
/// 32 bytes, a whole sector each. In shared memory the two threads' values are 4 rows apart: the padding of 4
/// moves them by 16 banks, and the 16 lines fill the rest. Doubles: 4 threads a line, 2 rows apart, half as
/// many lines and banks.
template <class Loader, class Tile, int extent, bool is_b>
class GemmOperand {
    using T = typename Loader::Element;
    using V = typename Loader::Value;

    static constexpr bool along_k = Loader::along_k;
    /// Threads that lie along memory, and threads' loads across it: of 96 lines 12 threads, 8 times, and a warp has none.
    static constexpr int along = (along_k ? Tile::depth : extent) / V::size;
    static constexpr int across = along_k ? extent : Tile::depth;
    static constexpr int step = static_cast<int>(std::bit_floor(unsigned{gemm_threads / along}));
    static constexpr int loading_threads = along * step;
    static constexpr int count = (across + step - 1) / step;
    static constexpr bool whole = across % step == 0;
    /// Whether the threads of a warp lie across memory: what each gathers has its neighbours in other windows, not in other k.
    static constexpr bool turned = GathersSingles<Loader>;

  public:
    using Layout = typename Tile::template Layout<Loader, extent>;
    static constexpr bool copied = copies_run_beside && TakesCopies<Layout> && AsStored<Loader>;
    /// Whether it has values wherever it is asked for them.
    static constexpr bool everywhere = LoadsBeyond<Tile> && !copied;
    static constexpr bool rounded = TakesRounded<Layout, Loader>;
    static_assert(whole || !everywhere);
    static_assert(everywhere || !rounded);

    __device__ __forceinline__ GemmOperand(const Loader& loader, int first_line, int lines)
        : first_along_((turned ? me() / step : me() % along) * V::size),
          first_across_(turned ? me() % step : me() / along),
          first_line_(first_line),
          lines_(lines) {
        VITRINE_UNROLL
        for (int i = 0; i < (along_k ? count : 1); ++i) {
            const int index = line_of(i);
            line_[i] = loader.line(index < lines ? index : 0);
        }
    }

    /// Starts the loads of the step from `k` on, or its copies to `shared`.
    __device__ __forceinline__ void fetch(const Loader& loader, int k, int end, T* shared) {
        if (!loads()) return;
        if constexpr (everywhere) {
            fetch_everywhere(loader, k, end);
            return;
        }
        if (along_k && k + first_along_ < end) depth_[0] = loader.depth(k + first_along_);
        VITRINE_UNROLL
        for (int i = 0; i < count; ++i) {
            const bool here = inside(i, k, end);
            const auto& line = line_[line_index(i)];
            auto& depth = depth_[depth_of(i)];
            if (!along_k && here) depth = loader.depth(k + across_of(i));
            if constexpr (copied) {
                if (!placed(i)) continue;
                Layout::copy(shared, place_line(i), place_k(i), loader.address(line, depth), here);
            } else {
                raw_[i] = {};
                if (here) raw_[i] = loader.fetch(line, depth);
            }
        }
    }

    /// Puts what fetch(k) loaded into shared memory.
    __device__ __forceinline__ void store(const Loader& loader, int k, int end, T* shared) const {
        if constexpr (!copied) {
            if (!loads()) return;
            VITRINE_UNROLL
            for (int i = 0; i < count; ++i) {
                if (!placed(i)) continue;
                const auto& line = line_[line_index(i)];
                const auto& depth = depth_[depth_of(i)];
                if constexpr (rounded) {
                    Layout::store_words(shared, place_line(i), place_k(i),
                                        loader.finish_rounded(line, depth, raw_[i]));
                } else {
                    V v{};
                    if (everywhere || inside(i, k, end)) v = loader.finish(line, depth, raw_[i]);
                    Layout::store(shared, place_line(i), place_k(i), v);
                }
            }
            if constexpr (everywhere && is_b) {
                if (end - k < Tile::depth) clear(k, end, shared);
            }
        }
    }

  private:
    __device__ __forceinline__ void fetch_everywhere(const Loader& loader, int k, int end) {
        const int last = along_k ? (end - 1) / V::size * V::size : end - 1;
        if (along_k) depth_[0] = loader.depth(min(k + first_along_, last));
        VITRINE_UNROLL
        for (int i = 0; i < count; ++i) {
            auto& depth = depth_[depth_of(i)];
            if (!along_k) depth = loader.depth(min(k + across_of(i), last));
            raw_[i] = loader.fetch(line_[line_index(i)], depth);
        }
    }
    /// Zeros for what store() has put beyond the last k.
    __device__ __forceinline__ void clear(int k, int end, T* shared) const {
        VITRINE_UNROLL
        for (int i = 0; i < count; ++i) {
            if (k + place_k(i) >= end) Layout::store(shared, place_line(i), place_k(i), V{});
        }
    }

    static __device__ __forceinline__ int me() { return static_cast<int>(threadIdx.x); }
    /// Whether the thread is one of those that load.
    static __device__ __forceinline__ bool loads() {
        return loading_threads == gemm_threads || me() < loading_threads;
    }

    static constexpr __device__ __forceinline__ int line_index(int i) { return along_k ? i : 0; }
    static constexpr __device__ __forceinline__ int depth_of(int i) { return along_k ? 0 : i; }

    __device__ __forceinline__ int across_of(int i) const { return first_across_ + i * step; }
    /// Where load i goes in shared memory, and whether it does.
    __device__ __forceinline__ int place_line(int i) const { return along_k ? across_of(i) : first_along_; }
    __device__ __forceinline__ int place_k(int i) const { return along_k ? first_along_ : across_of(i); }
    __device__ __forceinline__ bool placed(int i) const { return whole || across_of(i) < across; }

    __device__ __forceinline__ int line_of(int i) const {
        if constexpr (is_b && along_k && DealsLines<Tile>) return first_line_ + Tile::line_at(place_line(i));
        return first_line_ + place_line(i);
    }
    __device__ __forceinline__ bool inside(int i, int k, int end) const {
        const int depth = k + place_k(i);
        return placed(i) && depth < end && line_of(i) < lines_;
    }

    int first_along_;
    int first_across_;
    int first_line_;
    int lines_;
    typename Loader::Line line_[along_k ? count : 1];
    typename Loader::Depth depth_[along_k ? 1 : count]{};
    typename Loader::Raw raw_[copied ? 1 : count]{};
};

}  // namespace vitrine::VITRINE_GPU
