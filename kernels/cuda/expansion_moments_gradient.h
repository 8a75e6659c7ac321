// What the two kernels of an expansion's moments, backward, have in common (expansion_moments_tiled_backward.cu and
// expansion_moments_half_backward.h): what they are given, and the end of a pixel's way.
#pragma once

#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/expansion_moments.h"

namespace vitrine::VITRINE_GPU {

constexpr int moment_gradient_threads = 128;

template <class T>
struct MomentsGradient {
    using A = Accumulate<T>;

    PrologueSource<MomentPack<T>, T> x;
    MomentRows rows;  // tiled: of a tile in shared memory
    const A* centre;  // μ
    const A* slope;   // [narrow, narrow], and behind it level [narrow]
    const A* d_x_so_far;
    ValuesWriter<T> d_x;
    PrologueSums<A> sums;
    int pixels;
    int narrow;
    int chunk_pixels;
};

/// From d_a through the clamp and the prologue: d_x of a thread's channels, and the sums over its pixels for their d_scale and
/// d_shift.
template <class T>
struct NarrowGradient {
    using V = MomentPack<T>;
    using A = Accumulate<T>;

    V scale_sums{};
    V shift_sums{};

    /// u = scale · x + shift; linear: x's prologue has no activation. d_x: what has been computed of it so far. A pixel that is not
    /// `here` is none.
    template <bool linear>
    __device__ __forceinline__ void put(const MomentsGradient<T>& task, const V& scale, const V& u,
                                        const V& x, const V& d_a, bool here, int index, V d_x) {
        VITRINE_UNROLL
        for (int c = 0; c < V::size; ++c) {
            const A d_u = (linear ? here : task.x.clamp.inside(u[c], here)) ? d_a[c] : A(0);
            scale_sums[c] = multiply_add(d_u, x[c], scale_sums[c]);
            shift_sums[c] += d_u;
            d_x[c] = multiply_add(scale[c], d_u, d_x[c]);
        }
        if (task.d_x && here) task.d_x(index, d_x);
    }
};

}  // namespace vitrine::VITRINE_GPU
