// What the vectorised kernels share: loops over vectors with a tail, activations, gradients written or added.
//
// Included once for each instruction set (see README.md), which is why the guard below toggles.

#if defined(VITRINE_KERNELS_CPU_SIMD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_SIMD_INL_H
#undef VITRINE_KERNELS_CPU_SIMD_INL_H
#else
#define VITRINE_KERNELS_CPU_SIMD_INL_H
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/activation.h"
#include "kernels/gradient.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Vector = hn::Vec<hn::ScalableTag<T>>;

template <class T>
HWY_INLINE HWY_ATTR int64_t lanes_of() {
    return static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
}

/// A vector's worth of elements in memory.
template <class T>
struct FullVector {
    HWY_INLINE HWY_ATTR Vector<T> load(const T* from) const { return hn::LoadU(hn::ScalableTag<T>(), from); }
    HWY_INLINE HWY_ATTR void store(Vector<T> value, T* to) const {
        hn::StoreU(value, hn::ScalableTag<T>(), to);
    }
    /// Around the cache: `to` is aligned, and hwy::FlushStream() ends a series of these.
    HWY_INLINE HWY_ATTR void stream(Vector<T> value, T* to) const {
        hn::Stream(value, hn::ScalableTag<T>(), to);
    }
};

/// The last elements of a row, fewer than a vector: the other lanes are read as zero and not written.
template <class T>
struct VectorTail {
    hn::Mask<hn::ScalableTag<T>> mask;

    HWY_INLINE HWY_ATTR Vector<T> load(const T* from) const {
        return hn::MaskedLoad(mask, hn::ScalableTag<T>(), from);
    }
    HWY_INLINE HWY_ATTR void store(Vector<T> value, T* to) const {
        hn::BlendedStore(value, mask, hn::ScalableTag<T>(), to);
    }
    HWY_INLINE HWY_ATTR void stream(Vector<T> value, T* to) const { store(value, to); }
};

/// Calls body(part, i) for each vector of [0, count): part (a FullVector or, at the end, a VectorTail) loads
/// and stores the elements from i on.
template <class T, class Body>
HWY_INLINE HWY_ATTR void for_each_vector(int64_t count, Body&& body) {
    const int64_t lanes = lanes_of<T>();
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) body(FullVector<T>{}, i);
    if (i < count) {
        body(VectorTail<T>{hn::FirstN(hn::ScalableTag<T>(), static_cast<size_t>(count - i))}, i);
    }
}

/// The vectors of [begin, end) all as VectorTail: for code so long that one version of it is enough.
template <class T, class Body>
HWY_INLINE HWY_ATTR void for_each_masked_vector(int64_t begin, int64_t end, Body&& body) {
    const int64_t lanes = lanes_of<T>();
    for (int64_t i = begin; i < end; i += lanes) {
        const int64_t count = std::min(lanes, end - i);
        body(VectorTail<T>{hn::FirstN(hn::ScalableTag<T>(), static_cast<size_t>(count))}, i);
    }
}

/// Whether [rows, channels] is better written around the cache: it is far larger than one, so the next op
/// will not find it there, and a line that is overwritten as a whole need not be read first. All vectors of a
/// row must be aligned for that.
template <class T>
HWY_INLINE HWY_ATTR bool streams_rows(const T* to, int64_t rows, int64_t channels) {
    return rows * channels * int64_t{sizeof(T)} >= (int64_t{32} << 20) && channels % lanes_of<T>() == 0 &&
           reinterpret_cast<uintptr_t>(to) % (sizeof(T) * static_cast<size_t>(lanes_of<T>())) == 0;
}

/// Rows that will be needed soon. Where several pixels are read side by side the processor's own prefetching
/// loses the thread, so such rows are fetched in their order while something else is computed.
template <class T>
struct RowAhead {
    const T* begin;
    const T* end;

    /// Fetches `lines` cache lines from element i on, as far as there are any.
    HWY_INLINE HWY_ATTR void prefetch(int64_t i, int64_t lines) const {
        constexpr int64_t line = 64 / sizeof(T);
        for (const T* p = begin + i; lines > 0 && p < end; --lines, p += line) hwy::Prefetch(p);
    }
};

template <class Body, int... kIndex>
HWY_INLINE HWY_ATTR void unrolled_over(std::integer_sequence<int, kIndex...>, Body&& body) {
    (body(std::integral_constant<int, kIndex>{}), ...);
}

/// body(0) … body(count − 1) with the index a constant, so that arrays of vectors indexed by it stay in
/// registers.
template <int kCount, class Body>
HWY_INLINE HWY_ATTR void unrolled(Body&& body) {
    unrolled_over(std::make_integer_sequence<int, kCount>{}, body);
}

/// `value`, held in a register from here on. Without this g++ reads a value again from memory at each use,
/// since an operand in memory looks free to it; where loads are the bottleneck it is not.
template <class V>
HWY_INLINE HWY_ATTR V in_register(V value) {
#if HWY_COMPILER_GCC && (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3)
    asm("" : "+v"(value.raw));
#endif
    return value;
}

template <class T>
HWY_INLINE HWY_ATTR Vector<T> constant(double value) {
    return hn::Set(hn::ScalableTag<T>(), static_cast<T>(value));
}

/// clamped() of kernels/activation.h for a vector. By comparisons, since minimum and maximum instructions
/// lose NaN.
template <class V>
HWY_INLINE HWY_ATTR V clamped_vector(Activation activation, V x) {
    if (activation == Activation::identity) return x;
    const hn::DFromV<V> d;
    const V zero = hn::Zero(d);
    x = hn::IfThenElse(hn::Lt(x, zero), zero, x);
    if (activation == Activation::relu) return x;
    const V six = hn::Set(d, hn::TFromD<decltype(d)>(6));
    return hn::IfThenElse(hn::Gt(x, six), six, x);
}

/// `gradient` where clamp_passes(activation, y), else 0.
template <class V>
HWY_INLINE HWY_ATTR V pass_gradient(Activation activation, V y, V gradient) {
    if (activation == Activation::identity) return gradient;
    const hn::DFromV<V> d;
    gradient = hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), gradient);
    if (activation == Activation::relu) return gradient;
    return hn::IfThenElseZero(hn::Lt(y, hn::Set(d, hn::TFromD<decltype(d)>(6))), gradient);
}

/// Writes vectors of a gradient or adds to them, as its mode says.
template <class T>
class VectorGradient {
  public:
    explicit VectorGradient(const Gradient& gradient)
        : data_(static_cast<T*>(gradient.data)), accumulate_(gradient.mode == GradMode::accumulate) {}

    explicit operator bool() const { return data_ != nullptr; }

    template <class Part>
    HWY_INLINE HWY_ATTR void put(const Part& part, int64_t index, Vector<T> value) const {
        T* to = data_ + index;
        part.store(accumulate_ ? hn::Add(part.load(to), value) : value, to);
    }

  private:
    T* data_;
    bool accumulate_;
};

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
