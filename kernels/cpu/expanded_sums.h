// What the blocks of an expanded convolution's backward leave of its narrow side, and how it is put together.
#pragma once

#include <algorithm>

#include "kernels/context.h"
#include "kernels/cpu/channel_sums.h"
#include "kernels/expanded_conv.h"

namespace vitrine::cpu {

/// The gradients of the expansion and of the narrow prologue. T is what is computed in.
template <class T>
struct ExpandedSums {
    int64_t blocks;
    int64_t rows;    // narrow channels, rounded up as the products need it
    int64_t stride;  // channels, rounded up so
    T* expansion;  // [blocks, rows, stride], transposes of d_expansion; null where nobody wants them, as those below
    T* scale;  // [blocks, narrow]
    T* shift;

    static ExpandedSums of(const ExpandedConvBackward& args, int64_t blocks, int64_t rows, int64_t stride,
                           Context& context) {
        const auto sums = [&](const Gradient& wanted, int64_t size) {
            return wanted ? context.scratch.take<T>(blocks * size) : nullptr;
        };
        return {blocks,
                rows,
                stride,
                sums(args.d_expansion, rows * stride),
                sums(args.d_narrow_scale, args.narrow),
                sums(args.d_narrow_shift, args.narrow)};
    }

    T* expansion_of(int64_t block) const { return of_block(expansion, block, rows * stride); }

    void clear(int64_t block, int64_t narrow) const {
        const auto zero = [&](T* sums, int64_t size) {
            if (sums != nullptr) std::fill(sums, sums + size, T(0));
        };
        zero(expansion_of(block), rows * stride);
        zero(of_block(scale, block, narrow), narrow);
        zero(of_block(shift, block, narrow), narrow);
    }

    void put(const ExpandedConvBackward& args) const {
        if (expansion != nullptr)
            combine_turned(expansion, blocks, rows * stride, args.narrow, args.shape.in_channels, stride,
                           args.d_expansion);
        if (scale != nullptr) combine_sums(scale, blocks, args.narrow, args.narrow, args.d_narrow_scale);
        if (shift != nullptr) combine_sums(shift, blocks, args.narrow, args.narrow, args.d_narrow_shift);
    }

    static T* of_block(T* sums, int64_t block, int64_t size) {
        return sums == nullptr ? nullptr : sums + block * size;
    }
};

/// What an expanded convolution's backward has to make.
inline bool wants_d_a(const ExpandedConvBackward& args) {
    return args.d_x || args.d_narrow_scale || args.d_narrow_shift;
}
inline bool wants_d_e(const ExpandedConvBackward& args) { return wants_d_a(args) || args.d_expansion; }

}  // namespace vitrine::cpu
