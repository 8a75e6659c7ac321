// How a product loads its values: it multiplies and adds in Accumulate<T>, and of 16-bit T four values, which fill a pack of
// floats, are one access of 8 bytes.
//
// It has two halves, so that nobody waits in between: `fetch_values` starts the load and gives the words as they are,
// `widen_values` makes numbers of them.
#pragma once

#include "kernels/cuda/channel_reduce.h"

namespace vitrine::VITRINE_GPU {

/// Four values of a 16-bit type.
struct HalfWords {
    unsigned low;
    unsigned high;
};

/// What a load of V, Pack or Single of Accumulate<T>, brings from memory.
template <class V, class T>
using StoredValues = std::conditional_t<!is_half_type<T>, V, std::conditional_t<V::size == 1, T, HalfWords>>;

template <class V, class T>
__device__ __forceinline__ StoredValues<V, T> fetch_values(const T* from) {
    if constexpr (!is_half_type<T>) {
        return load_values<V>(from);
    } else if constexpr (V::size == 1) {
        return *from;
    } else {
        static_assert(V::size == 4);
        const uint2 words = load_as<uint2>(from);
        return {words.x, words.y};
    }
}

template <class V, class T>
__device__ __forceinline__ V widen_values(const StoredValues<V, T>& stored) {
    if constexpr (!is_half_type<T>) {
        return stored;
    } else if constexpr (V::size == 1) {
        return {static_cast<float>(stored)};
    } else {
        V v;
        take_word<T>(stored.low, v[0], v[1]);
        take_word<T>(stored.high, v[2], v[3]);
        return v;
    }
}

}  // namespace vitrine::VITRINE_GPU
