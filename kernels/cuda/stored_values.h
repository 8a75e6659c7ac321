// How a product's values lie in memory: it multiplies and adds in Accumulate<T>, and of 16-bit T reads and writes the four
// values that fill a pack of floats in one access of 8 bytes.
//
// Loading has two halves, so that nobody waits in between: `fetch_values` starts the load and gives the words as they are,
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

/// Both at once.
template <class V, class T>
__device__ __forceinline__ V read_values(const T* from) {
    return widen_values<V, T>(fetch_values<V>(from));
}

/// Rounds to T where that has 16 bits.
template <class V, class T>
__device__ __forceinline__ void write_values(T* to, const V& v) {
    if constexpr (!is_half_type<T>) {
        store_values(to, v);
    } else if constexpr (V::size == 1) {
        store_value(to, v[0]);
    } else {
        static_assert(V::size == 4);
        *reinterpret_cast<uint2*>(to) = make_uint2(word_of<T>(v[0], v[1]), word_of<T>(v[2], v[3]));
    }
}

/// Writes or accumulates a gradient that is stored in T: ValuesWriter for these values.
template <class T>
class StoredWriter {
  public:
    explicit StoredWriter(const Gradient& gradient)
        : data_(static_cast<T*>(gradient.data)), accumulate_(gradient.mode == GradMode::accumulate) {}

    __device__ __forceinline__ explicit operator bool() const { return data_ != nullptr; }
    template <class V>
    __device__ __forceinline__ void operator()(int64_t index, V v) const {
        if (accumulate_) {
            const V before = read_values<V>(data_ + index);
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) v[i] = before[i] + v[i];
        }
        write_values(data_ + index, v);
    }

  private:
    T* data_;
    bool accumulate_;
};

}  // namespace vitrine::VITRINE_GPU
