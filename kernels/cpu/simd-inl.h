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
#include <cstring>
#include <type_traits>
#include <utility>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/activation.h"
#include "kernels/cpu/native_bf16.h"
#include "kernels/dtype.h"
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

using HalfBits = hn::Rebind<uint16_t, hn::ScalableTag<float>>;

/// Whether the processor converts f16. Where it does not, Highway's own conversions cut off what they should round (1.0.3, of a single
/// number) or take infinities and NaN for numbers (1.2, with SSE2), so each lane goes through kernels/half.h.
#if HWY_ARCH_X86
constexpr bool converts_f16 = HWY_TARGET <= HWY_AVX2;
#else
constexpr bool converts_f16 = HWY_TARGET != HWY_SCALAR;
#endif

/// As many 16-bit numbers as a vector of floats has lanes, widened: which is exact.
HWY_INLINE HWY_ATTR Vector<float> widened(const bf16*, hn::Vec<HalfBits> bits) {
    const hn::ScalableTag<uint32_t> words;
    return hn::BitCast(hn::ScalableTag<float>(), hn::ShiftLeft<16>(hn::PromoteTo(words, bits)));
}
HWY_INLINE HWY_ATTR Vector<float> widened(const f16*, hn::Vec<HalfBits> bits) {
    const hn::ScalableTag<float> d;
    if constexpr (converts_f16)
        return hn::PromoteTo(d, hn::BitCast(hn::Rebind<hwy::float16_t, hn::ScalableTag<float>>(), bits));
    HWY_ALIGN uint16_t from[hn::MaxLanes(d)];
    HWY_ALIGN float to[hn::MaxLanes(d)];
    hn::Store(bits, HalfBits(), from);
    std::transform(from, from + hn::Lanes(d), to, half::from_f16_bits);
    return hn::Load(d, to);
}

using Words = hn::ScalableTag<uint32_t>;

/// The upper halves of these are the values rounded to nearest, ties to even, as half::to_bf16_bits; a NaN stays one.
HWY_INLINE HWY_ATTR hn::Vec<Words> bf16_words(Vector<float> value) {
    const Words words;
    const auto word = hn::BitCast(words, value);
    const auto odd = hn::And(hn::ShiftRight<16>(word), hn::Set(words, 1));
    const auto rounded = hn::Add(word, hn::Add(odd, hn::Set(words, 0x7FFF)));
    const auto is_nan = hn::RebindMask(words, hn::Ne(value, value));
    return hn::IfThenElse(is_nan, hn::Set(words, uint32_t{half::nan_bits} << 16), rounded);
}

/// Rounded to nearest, ties to even, as half::to_bf16_bits and half::to_f16_bits of kernels/half.h.
HWY_INLINE HWY_ATTR hn::Vec<HalfBits> half_bits(const bf16*, Vector<float> value) {
    const auto bits = hn::ShiftRight<16>(bf16_words(value));
    return hn::DemoteTo(HalfBits(), hn::BitCast(hn::ScalableTag<int32_t>(), bits));
}
HWY_INLINE HWY_ATTR hn::Vec<HalfBits> half_bits(const NativeBf16*, Vector<float> value) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
    hn::Vec<HalfBits> bits;
    asm("vcvtneps2bf16 %1, %0" : "=v"(bits.raw) : "v"(value.raw));
    return bits;
#else
    return half_bits(static_cast<const bf16*>(nullptr), value);
#endif
}
HWY_INLINE HWY_ATTR hn::Vec<HalfBits> half_bits(const f16*, Vector<float> value) {
    const hn::ScalableTag<float> d;
    if constexpr (converts_f16)
        return hn::BitCast(HalfBits(),
                           hn::DemoteTo(hn::Rebind<hwy::float16_t, hn::ScalableTag<float>>(), value));
    HWY_ALIGN float from[hn::MaxLanes(d)];
    HWY_ALIGN uint16_t to[hn::MaxLanes(d)];
    hn::Store(value, d, from);
    std::transform(from, from + hn::Lanes(d), to, half::to_f16_bits);
    return hn::Load(HalfBits(), to);
}

/// with_own_rounding() of code that is compiled for each instruction set: the others have no such instruction.
template <class T, class F>
HWY_INLINE void in_own_rounding(const F& f) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
    with_own_rounding<T>(f);
#else
    f.template operator()<T>();
#endif
}

/// A vector's worth of elements in memory, of T or of a 16-bit type that T stands for.
template <class T>
struct FullVector {
    HWY_INLINE HWY_ATTR Vector<T> load(const T* from) const { return hn::LoadU(hn::ScalableTag<T>(), from); }
    HWY_INLINE HWY_ATTR void store(Vector<T> value, T* to) const {
        hn::StoreU(value, hn::ScalableTag<T>(), to);
    }
    template <class Half>
    HWY_INLINE HWY_ATTR Vector<T> load(const Half* from) const {
        return widened(from, hn::LoadU(HalfBits(), &from->bits));
    }
    template <class Half>
    HWY_INLINE HWY_ATTR void store(Vector<T> value, Half* to) const {
        hn::StoreU(half_bits(to, value), HalfBits(), &to->bits);
    }
    /// Around the cache: `to` is aligned, and hwy::FlushStream() ends a series of these.
    HWY_INLINE HWY_ATTR void stream(Vector<T> value, T* to) const {
        hn::Stream(value, hn::ScalableTag<T>(), to);
    }
    template <class Half>
    HWY_INLINE HWY_ATTR void stream(Vector<T> value, Half* to) const {
        hn::Stream(half_bits(to, value), HalfBits(), &to->bits);
    }
};

/// Whether masked loads and stores leave alone what the mask leaves out. Elsewhere they read and write whole vectors,
/// and so beyond the end of a tensor, or over what another thread writes.
#if HWY_TARGET == HWY_AVX2 || (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_HAVE_SCALABLE
constexpr bool masks_are_exact = true;
#else
constexpr bool masks_are_exact = false;
#endif

/// The same of 16-bit numbers, whose masks came later.
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_HAVE_SCALABLE
constexpr bool half_masks_are_exact = true;
#else
constexpr bool half_masks_are_exact = false;
#endif

/// The last elements of a row, fewer than a vector: the other lanes are read as zero and not written.
template <class T>
class VectorTail {
  public:
    HWY_INLINE HWY_ATTR explicit VectorTail(int64_t count)
        : count_(static_cast<size_t>(count)), mask_(hn::FirstN(d, static_cast<size_t>(count))) {}

    HWY_INLINE HWY_ATTR Vector<T> load(const T* from) const {
        if constexpr (masks_are_exact) return hn::MaskedLoad(mask_, d, from);
        HWY_ALIGN T lanes[hn::MaxLanes(d)] = {};
        std::copy(from, from + count_, lanes);
        return hn::Load(d, lanes);
    }
    HWY_INLINE HWY_ATTR void store(Vector<T> value, T* to) const {
        if constexpr (masks_are_exact) return hn::BlendedStore(value, mask_, d, to);
        HWY_ALIGN T lanes[hn::MaxLanes(d)];
        hn::Store(value, d, lanes);
        std::copy(lanes, lanes + count_, to);
    }
    template <class Half>
    HWY_INLINE HWY_ATTR Vector<T> load(const Half* from) const {
        if constexpr (half_masks_are_exact)
            return widened(from, hn::MaskedLoad(half_mask(), HalfBits(), &from->bits));
        HWY_ALIGN uint16_t lanes[hn::MaxLanes(d)] = {};
        std::memcpy(lanes, from, count_ * sizeof(Half));
        return widened(from, hn::Load(HalfBits(), lanes));
    }
    template <class Half>
    HWY_INLINE HWY_ATTR void store(Vector<T> value, Half* to) const {
        if constexpr (half_masks_are_exact)
            return hn::BlendedStore(half_bits(to, value), half_mask(), HalfBits(), &to->bits);
        HWY_ALIGN uint16_t lanes[hn::MaxLanes(d)];
        hn::Store(half_bits(to, value), HalfBits(), lanes);
        std::memcpy(to, lanes, count_ * sizeof(Half));
    }
    template <class To>
    HWY_INLINE HWY_ATTR void stream(Vector<T> value, To* to) const {
        store(value, to);
    }

  private:
    HWY_INLINE HWY_ATTR hn::Mask<HalfBits> half_mask() const { return hn::FirstN(HalfBits(), count_); }

    static constexpr hn::ScalableTag<T> d{};
    size_t count_;
    hn::Mask<hn::ScalableTag<T>> mask_;
};

/// Calls body(part, i) for each vector of [0, count): part (a FullVector or, at the end, a VectorTail) loads
/// and stores the elements from i on.
template <class T, class Body>
HWY_INLINE HWY_ATTR void for_each_vector(int64_t count, Body&& body) {
    const int64_t lanes = lanes_of<T>();
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) body(FullVector<T>{}, i);
    if (i < count) body(VectorTail<T>(count - i), i);
}

/// Whether [rows, channels] is better written around the cache: it is far larger than one, so the next op
/// will not find it there, and a line that is overwritten as a whole need not be read first. All vectors of a
/// row must be aligned for that.
template <class T>
HWY_INLINE HWY_ATTR bool streams_rows(const T* to, int64_t rows, int64_t channels) {
    const int64_t lanes = lanes_of<Accumulate<T>>();  // so many are stored at once of 16-bit numbers, too
    return rows * channels * int64_t{sizeof(T)} >= (int64_t{32} << 20) && channels % lanes == 0 &&
           reinterpret_cast<uintptr_t>(to) % (sizeof(T) * static_cast<size_t>(lanes)) == 0;
}

/// Rows that will be read or written soon. Where several pixels are taken side by side the processor's own prefetching
/// loses the thread, so such rows are fetched in their order while something else is computed.
template <class T>
struct RowAhead {
    const T* begin = nullptr;
    const T* end = nullptr;

    /// The row after this one, which has `size` elements; nothing where it is not wanted.
    static RowAhead after(const T* row, int64_t size, bool wanted) {
        return wanted ? RowAhead{row + size, row + 2 * size} : RowAhead{};
    }

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

/// Whether the maximum and the minimum of two vectors give the second operand where one is NaN, as x86's do. Those of other
/// processors and of plain C++ may lose it.
constexpr bool second_if_nan = HWY_ARCH_X86 != 0 && HWY_TARGET != HWY_SCALAR;

/// x, or `bound` where x is smaller; a NaN stays.
template <class V>
HWY_INLINE HWY_ATTR V at_least(V bound, V x) {
    if constexpr (second_if_nan) return hn::Max(bound, x);
    return hn::IfThenElse(hn::Lt(x, bound), bound, x);
}

template <class V>
HWY_INLINE HWY_ATTR V at_most(V bound, V x) {
    if constexpr (second_if_nan) return hn::Min(bound, x);
    return hn::IfThenElse(hn::Gt(x, bound), bound, x);
}

/// clamped() of kernels/activation.h for a vector.
template <class V>
HWY_INLINE HWY_ATTR V clamped_vector(Activation activation, V x) {
    if (activation == Activation::identity) return x;
    const hn::DFromV<V> d;
    x = at_least(hn::Zero(d), x);
    return activation == Activation::relu ? x : at_most(hn::Set(d, hn::TFromD<decltype(d)>(6)), x);
}

/// `gradient` where inside_clamp(activation, y), else 0.
template <class V>
HWY_INLINE HWY_ATTR V clamp_gradient(Activation activation, V y, V gradient) {
    if (activation == Activation::identity) return gradient;
    const hn::DFromV<V> d;
    const auto positive = hn::Gt(y, hn::Zero(d));
    if (activation == Activation::relu) return hn::IfThenElseZero(positive, gradient);
    const auto below_six = hn::Lt(y, hn::Set(d, hn::TFromD<decltype(d)>(6)));
    return hn::IfThenElseZero(hn::And(positive, below_six), gradient);
}

/// Writes vectors of a gradient or adds to them, as its mode says.
template <class T>
class VectorGradient {
  public:
    explicit VectorGradient(const Gradient& gradient)
        : data_(static_cast<T*>(gradient.data)), accumulate_(gradient.mode == GradMode::accumulate) {}

    explicit operator bool() const { return data_ != nullptr; }

    template <class Part>
    HWY_INLINE HWY_ATTR void put(const Part& part, int64_t index, Vector<Accumulate<T>> value) const {
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
