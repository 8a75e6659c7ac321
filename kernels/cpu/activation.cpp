// Activation: one pass over memory.

#include "kernels/cpu/parallel.h"
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
        return pass_gradient(activation, y, d_y);
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

template <class T, class Function>
HWY_ATTR void forward(const ActivationForward& args, Function function, int64_t begin, int64_t end) {
    const T* x = static_cast<const T*>(args.x) + begin;
    T* y = static_cast<T*>(args.y) + begin;
    for_each_vector<Accumulate<T>>(end - begin, [=](auto part, int64_t i) HWY_ATTR {
        part.store(function.value(part.load(x + i)), y + i);
    });
}

template <class T, class Function>
HWY_ATTR void backward(const ActivationBackward& args, Function function, int64_t begin, int64_t end) {
    const T* saved = static_cast<const T*>(args.saved());
    const T* d_y = static_cast<const T*>(args.d_y);
    const VectorGradient<T> d_x(args.d_x);
    for_each_vector<Accumulate<T>>(end - begin, [=](auto part, int64_t offset) HWY_ATTR {
        const int64_t i = begin + offset;
        d_x.put(part, i, function.gradient(part.load(saved + i), part.load(d_y + i)));
    });
}

void forward_chunk(const ActivationForward& args, int64_t begin, int64_t end) {
    dispatch_storage(args.dtype, [&]<class T>() {
        with_function(args.activation, [&](auto function) { forward<T>(args, function, begin, end); });
    });
}

void backward_chunk(const ActivationBackward& args, int64_t begin, int64_t end) {
    dispatch_storage(args.dtype, [&]<class T>() {
        with_function(args.activation, [&](auto function) { backward<T>(args, function, begin, end); });
    });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(forward_chunk);
HWY_EXPORT(backward_chunk);

void run_forward(const ActivationForward& args, Context&) {
    const auto chunks = Chunks::of_elements(args.count);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        HWY_DYNAMIC_DISPATCH(forward_chunk)(args, chunks.begin(chunk), chunks.end(chunk));
    });
}

void run_backward(const ActivationBackward& args, Context&) {
    if (!args.d_x) return;
    const auto chunks = Chunks::of_elements(args.count);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        HWY_DYNAMIC_DISPATCH(backward_chunk)(args, chunks.begin(chunk), chunks.end(chunk));
    });
}

constexpr Implementation<ActivationForward> forward_list[]{
    {"vector", refuses_nothing, run_forward, StorageTypes::all}};
constexpr Implementation<ActivationBackward> backward_list[]{
    {"vector", refuses_nothing, run_backward, StorageTypes::all}};

}  // namespace

const Kernel<ActivationForward> activation_forward{"activation_forward", forward_list};
const Kernel<ActivationBackward> activation_backward{"activation_backward", backward_list};

}  // namespace vitrine::cpu
#endif
