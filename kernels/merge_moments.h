// Moments of the shards of a batch (engine/step/shards.h), made those of all of it: batch norm whose statistics are over
// every shard.
//
// A shard leaves, of each channel of x, its mean and m2 = Σ (x − mean)² over its rows. Two parts of the batch, of n_a and n_b
// rows, are together
//
//     n = n_a + n_b      δ = mean_b − mean_a      mean = mean_a + δ · n_b / n      m2 = m2_a + m2_b + δ² · n_a · n_b / n
//
// put together in the tree of the shards, whatever device or process does it. Source: Chan, Golub and LeVeque, 1979.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"
#include "kernels/gradient.h"

namespace vitrine {

struct MergeMomentsForward {
    DType dtype = DType::f32;
    int64_t shards = 0;  // of the batch: 1 … 2 ^ (ShardFold::levels − 1)
    int64_t rows = 0;    // of each of them
    int64_t channels = 0;
    int64_t copies = 0;             // of the result, one for each shard that is to go on with it
    const void* moments = nullptr;  // [shards, 2, channels]: mean and m2 of each shard
    void* merged = nullptr;         // [copies, 2, channels]: mean and m2 of all shards · rows
};

/// The loss of a batch is made up of all its shards' losses, and each depends on all moments. With d_mean and d_m2 the sums
/// of what the shards give, added up in the tree:
///     d_moments of a shard:    mean:  d_mean / shards + 2 · rows · (mean_of_shard − mean) · d_m2      m2:  d_m2
/// since m2 = Σ m2_of_shard + rows · Σ (mean_of_shard − mean)², of which mean's own part is Σ (mean_of_shard − mean) = 0.
struct MergeMomentsBackward {
    DType dtype = DType::f32;
    int64_t shards = 0;  // of the batch
    int64_t rows = 0;
    int64_t channels = 0;
    int64_t wanted = 0;              // shards whose gradients are
    const void* moments = nullptr;   // [wanted, 2, channels]: theirs
    const void* merged = nullptr;    // [2, channels]: of all shards
    const void* d_merged = nullptr;  // [shards, 2, channels]: what each shard gives
    Gradient d_moments;              // [wanted, 2, channels]
};

/// Mean and m2 of some rows, in the type that each device chooses. a + b is a's rows before b's.
template <class Number>
struct MomentsOfRows {
    Number rows, mean, m2;

    constexpr MomentsOfRows operator+(const MomentsOfRows& b) const {
        const Number all = rows + b.rows, difference = b.mean - mean;
        return {all, mean + difference * (b.rows / all),
                m2 + b.m2 + difference * difference * (rows * b.rows / all)};
    }
};

/// The gradients of a mean and an m2.
template <class Number>
struct MomentGradients {
    Number mean, m2;

    constexpr MomentGradients operator+(const MomentGradients& b) const { return {mean + b.mean, m2 + b.m2}; }
};

/// Shards, given one after the other, put together by + in their tree. A binary counter: after n shards, `held_[level]` is
/// a node of 2 ^ level of them wherever n has that bit, those of higher levels being of earlier shards. One shard more carries
/// as adding 1 does. All indices are constants once the loops are unrolled, so that on a GPU nodes are registers.
template <class Node>
class ShardFold {
  public:
    static constexpr int levels = 10;

    constexpr void add(Node node) {
        bool carried = true;
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
        for (int level = 0; level < levels; ++level) {
            if (carried && has(level)) {
                node = held_[level] + node;
            } else if (carried) {
                held_[level] = node;
                carried = false;
            }
        }
        ++count_;
    }

    /// Of all that were given, at least one.
    constexpr Node total() const {
        Node node{};
        bool begun = false;
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
        for (int level = 0; level < levels; ++level) {
            if (!has(level)) continue;
            node = begun ? held_[level] + node : held_[level];
            begun = true;
        }
        return node;
    }

  private:
    constexpr bool has(int level) const { return ((count_ >> level) & 1) != 0; }

    Node held_[levels]{};
    int count_ = 0;
};

}  // namespace vitrine
