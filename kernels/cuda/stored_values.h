// How a product loads its values: of 16-bit T a product by multiply-adds takes four, which fill a pack of floats, in one
// access of 8 bytes, and one by tensor cores eight in one of 16.
//
// It has two halves, so that nobody waits in between: `fetch_values` starts the load and gives the words as they are,
// `widen_values` makes numbers of them.
#pragma once

#include "kernels/cuda/channel_reduce.h"

namespace vitrine::VITRINE_GPU {

/// As many values of a 16-bit type, two in a word.
template <int count>
struct HalfWords {
    unsigned word[count / 2];
};

/// What a load of V brings from memory: Pack or Single of Accumulate<T>, or Pack<T>.
template <class V, class T>
using StoredValues =
    std::conditional_t<!is_half_type<T>, V, std::conditional_t<V::size == 1, T, HalfWords<V::size>>>;

template <class V, class T>
__device__ __forceinline__ StoredValues<V, T> fetch_values(const T* from) {
    if constexpr (!is_half_type<T>) {
        return load_values<V>(from);
    } else if constexpr (V::size == 1) {
        return *from;
    } else if constexpr (V::size == 4) {
        const uint2 words = load_as<uint2>(from);
        return {{words.x, words.y}};
    } else {
        const uint4 words = load_as<uint4>(from);
        return {{words.x, words.y, words.z, words.w}};
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
        VITRINE_UNROLL
        for (int i = 0; i < V::size; i += 2) take_word<T>(stored.word[i / 2], v[i], v[i + 1]);
        return v;
    }
}

}  // namespace vitrine::VITRINE_GPU
