// Activation: one pass over memory.

#include "kernels/cpu/in_chunks.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/activation.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"
// Not before foreach_target.h.
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

// The functions: value(x), and gradient(saved, d_y) with what ActivationBackward::saved() is.

struct Clamp {
    Activation activation;

    template <class V>
    HWY_INLINE HWY_ATTR V value(V x) const {
        return clamped_vector(activation, x);
    }
    template <class V>
    HWY_INLINE HWY_ATTR V gradient(V y, V d_y) const {
        return clamp_gradient(activation, y, d_y);
    }
};

/// `value` in each lane.
template <class V>
HWY_INLINE HWY_ATTR V all(double value) {
    const hn::DFromV<V> d;
    return hn::Set(d, static_cast<hn::TFromD<decltype(d)>>(value));
}

/// sigmoid(x) and 1 − sigmoid(x). The exponential is of a negative number, so that it never overflows, and neither
/// of the two is a difference of numbers that are almost the same.
template <class V>
struct Sigmoid {
    V value;
    V rest;
};

template <class V>
HWY_INLINE HWY_ATTR Sigmoid<V> sigmoid(V x) {
    const hn::DFromV<V> d;
    const V one = all<V>(1);
    const V exponential = hn::Exp(d, hn::Neg(hn::Abs(x)));
    const V larger = hn::Div(one, hn::Add(one, exponential));
    const V smaller = hn::Mul(exponential, larger);
    const auto negative = hn::Lt(x, hn::Zero(d));
    return {hn::IfThenElse(negative, smaller, larger), hn::IfThenElse(negative, larger, smaller)};
}

struct Silu {
    template <class V>
    HWY_INLINE HWY_ATTR V value(V x) const {
        return hn::Mul(x, sigmoid(x).value);
    }
    template <class V>
    HWY_INLINE HWY_ATTR V gradient(V x, V d_y) const {
        const Sigmoid<V> s = sigmoid(x);
        return hn::Mul(d_y, hn::Mul(s.value, hn::MulAdd(x, s.rest, all<V>(1))));
    }
};

struct HardSwish {
    template <class V>
    HWY_INLINE HWY_ATTR V value(V x) const {
        const V between = clamped_vector(Activation::relu6, hn::Add(x, all<V>(3)));
        return hn::Mul(x, hn::Mul(between, all<V>(1.0 / 6)));
    }
    template <class V>
    HWY_INLINE HWY_ATTR V gradient(V x, V d_y) const {
        const V slope = hn::MulAdd(x, all<V>(1.0 / 3), all<V>(0.5));
        const V not_above = hn::IfThenElse(hn::Ge(x, all<V>(3)), d_y, hn::Mul(d_y, slope));
        return hn::IfThenZeroElse(hn::Le(x, all<V>(-3)), not_above);
    }
};

/// Calls body(function) with the activation's.
template <class Body>
void with_function(Activation activation, Body&& body) {
    switch (activation) {
        case Activation::silu:
            return body(Silu{});
        case Activation::hard_swish:
            return body(HardSwish{});
        default:
            return body(Clamp{activation});
    }
}

constexpr auto forward = all_types([]<class T>(const ActivationForward& args, Range range) {
    with_function(args.activation, [&](auto function) HWY_ATTR {
        const T* x = static_cast<const T*>(args.x) + range.begin;
        T* y = static_cast<T*>(args.y) + range.begin;
        for_each_vector<Accumulate<T>>(range.count(), [=](auto part, int64_t i) HWY_ATTR {
            part.store(function.value(part.load(x + i)), y + i);
        });
    });
});
void forward_chunk(const ActivationForward& args, Range range) { forward(args, range); }

constexpr auto backward = all_types([]<class T>(const ActivationBackward& args, Range range) {
    if (!args.d_x) return;
    with_function(args.activation, [&](auto function) HWY_ATTR {
        const T* saved = static_cast<const T*>(args.saved());
        const T* d_y = static_cast<const T*>(args.d_y);
        const VectorGradient<T> d_x(args.d_x);
        for_each_vector<Accumulate<T>>(range.count(), [=](auto part, int64_t offset) HWY_ATTR {
            const int64_t i = range.begin + offset;
            d_x.put(part, i, function.gradient(part.load(saved + i), part.load(d_y + i)));
        });
    });
});
void backward_chunk(const ActivationBackward& args, Range range) { backward(args, range); }

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

constexpr Implementation<ActivationForward> forward_list[]{
    {"vector", refuses_nothing, VITRINE_IN_CHUNKS(forward)}};
constexpr Implementation<ActivationBackward> backward_list[]{
    {"vector", refuses_nothing, VITRINE_IN_CHUNKS(backward)}};

}  // namespace

const Kernel<ActivationForward> activation_forward{"activation_forward", forward_list};
const Kernel<ActivationBackward> activation_backward{"activation_backward", backward_list};

}  // namespace vitrine::cpu
#endif
