// What a pending normalisation stands for: one pass over memory, and the sums over rows on the way back.

#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/in_chunks.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/resolve.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/simd-inl.h"

#ifndef VITRINE_KERNELS_CPU_RESOLVE_ONCE
#define VITRINE_KERNELS_CPU_RESOLVE_ONCE
namespace vitrine::cpu {
namespace {

/// Sums of a chunk of rows, [channels] of Accumulate<dtype> each; null where they are not wanted.
struct OperandSums {
    void* scale = nullptr;  // Σ d_u · x
    void* shift = nullptr;  // Σ d_u
};

}  // namespace
}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// An Affine as the loops read it.
template <class T>
struct AffineReader {
    const T* x;
    const Accumulate<T>*scale, *shift;

    explicit AffineReader(const Affine& affine)
        : x(static_cast<const T*>(affine.x)),
          scale(static_cast<const Accumulate<T>*>(affine.scale)),
          shift(static_cast<const Accumulate<T>*>(affine.shift)) {}

    template <class Part>
    HWY_INLINE HWY_ATTR Vector<Accumulate<T>> value(const Part& part, int64_t i, int64_t c) const {
        const auto loaded = part.load(x + i);
        return scale == nullptr ? loaded : hn::MulAdd(part.load(scale + c), loaded, part.load(shift + c));
    }
};

template <class T>
HWY_ATTR void resolve_rows(const ResolveForward& args, Range rows) {
    const int64_t channels = args.channels;
    const AffineReader<T> a(args.a), b(args.b);
    T* z = static_cast<T*>(args.z);
    const Activation activation = args.activation;
    const bool streams = args.z != args.a.x && args.z != args.b.x &&
                         streams_rows(static_cast<const T*>(z), args.rows, channels);
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        const int64_t first = row * channels;
        for_each_vector<Accumulate<T>>(channels, [=](auto part, int64_t c) HWY_ATTR {
            auto u = a.value(part, first + c, c);
            if (b.x != nullptr) u = hn::Add(u, b.value(part, first + c, c));
            u = clamped_vector(activation, u);
            if (streams) {
                part.stream(u, z + first + c);
            } else {
                part.store(u, z + first + c);
            }
        });
    }
    if (streams) hwy::FlushStream();
}

constexpr auto forward = all_types([]<class T>(const ResolveForward& args, Range rows) {
    in_own_rounding<T>([&]<class Own>() { resolve_rows<Own>(args, rows); });
});
void forward_chunk(const ResolveForward& args, Range rows) { forward(args, rows); }

/// Where the gradient of one operand goes.
template <class T>
struct OperandGradient {
    AffineReader<T> operand;
    VectorGradient<T> d_x;
    Accumulate<T>*scale_sums, *shift_sums;

    OperandGradient(const Affine& affine, const AffineGradient& gradient, const OperandSums& sums)
        : operand(affine),
          d_x(gradient.x),
          scale_sums(static_cast<Accumulate<T>*>(sums.scale)),
          shift_sums(static_cast<Accumulate<T>*>(sums.shift)) {}

    /// The sums of some rows, in registers.
    struct Sums {
        Vector<Accumulate<T>> scale, shift;
    };
    template <class Part>
    HWY_INLINE HWY_ATTR Sums load(const Part& part, int64_t c) const {
        const auto from = [&](const Accumulate<T>* sums) HWY_ATTR {
            return sums == nullptr ? constant<Accumulate<T>>(0) : part.load(sums + c);
        };
        return {from(scale_sums), from(shift_sums)};
    }
    template <class Part>
    HWY_INLINE HWY_ATTR void store(const Part& part, const Sums& sums, int64_t c) const {
        if (scale_sums != nullptr) part.store(sums.scale, scale_sums + c);
        if (shift_sums != nullptr) part.store(sums.shift, shift_sums + c);
    }

    template <class Part>
    HWY_INLINE HWY_ATTR void put(const Part& part, int64_t i, int64_t c, Vector<Accumulate<T>> d_u,
                                 Sums& sums) const {
        if (scale_sums != nullptr) sums.scale = hn::MulAdd(d_u, part.load(operand.x + i), sums.scale);
        sums.shift = hn::Add(d_u, sums.shift);
        if (d_x)
            d_x.put(part, i, operand.scale == nullptr ? d_u : hn::Mul(part.load(operand.scale + c), d_u));
    }
};

template <class T>
HWY_ATTR void gradient_rows(const ResolveBackward& args, Range rows, const OperandSums* sums) {
    const int64_t channels = args.channels;
    const OperandGradient<T> a(args.a, args.d_a, sums[0]), b(args.b, args.d_b, sums[1]);
    const T* z = static_cast<const T*>(args.z);
    const T* d_z = static_cast<const T*>(args.d_z);
    const Activation activation = args.activation;
    for_each_four_rows(rows.end - rows.begin, [&](int64_t row, auto count) HWY_ATTR {
        const int64_t first = (rows.begin + row) * channels;
        for_each_vector<Accumulate<T>>(channels, [=](auto part, int64_t c) HWY_ATTR {
            auto a_sums = a.load(part, c), b_sums = b.load(part, c);
            for (int64_t i = first + c; i < first + count * channels; i += channels) {
                auto d_u = part.load(d_z + i);
                if (activation != Activation::identity)
                    d_u = clamp_gradient(activation, part.load(z + i), d_u);
                b.put(part, i, c, d_u, b_sums);
                a.put(part, i, c, d_u, a_sums);
            }
            a.store(part, a_sums, c);
            b.store(part, b_sums, c);
        });
    });
}

constexpr auto backward =
    all_types([]<class T>(const ResolveBackward& args, Range rows, const OperandSums* sums) {
        in_own_rounding<T>([&]<class Own>() { gradient_rows<Own>(args, rows, sums); });
    });
void backward_chunk(const ResolveBackward& args, Range rows, const OperandSums* sums) {
    backward(args, rows, sums);
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(backward_chunk);

/// Rows that one thread takes: few enough that their sums in T stay accurate.
Chunks row_chunks(int64_t rows, int64_t channels) {
    constexpr int64_t elements = 16384;
    return {rows, std::max<int64_t>(4, elements / channels)};
}
Chunks chunks_of(const ResolveForward& args) { return row_chunks(args.rows, args.channels); }
Chunks chunks_of(const ResolveBackward& args) { return row_chunks(args.rows, args.channels); }

constexpr auto backward = all_types([]<class T>(const ResolveBackward& args, Context& context) {
    using A = Accumulate<T>;
    const int64_t channels = args.channels;
    const Chunks chunks = chunks_of(args);
    const Gradient* wanted[] = {&args.d_a.scale, &args.d_a.shift, &args.d_b.scale, &args.d_b.shift};
    A* partial[4];
    for (int k = 0; k < 4; ++k) partial[k] = partial_sums<A>(*wanted[k], chunks.count(), channels, context);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        const auto mine = [&](int k) -> void* {
            return partial[k] == nullptr ? nullptr : partial[k] + chunk * channels;
        };
        const OperandSums sums[] = {{mine(0), mine(1)}, {mine(2), mine(3)}};
        HWY_DYNAMIC_DISPATCH(backward_chunk)(args, chunks.range(chunk), sums);
    });
    for (int k = 0; k < 4; ++k) {
        if (partial[k] != nullptr) combine_sums(partial[k], chunks.count(), channels, channels, *wanted[k]);
    }
});

constexpr Implementation<ResolveForward> forward_list[]{
    {"vector", refuses_curve_to_resolve<ResolveForward>, VITRINE_IN_CHUNKS(forward)}};
constexpr Implementation<ResolveBackward> backward_list[]{
    {"vector", refuses_curve_to_resolve<ResolveBackward>, backward}};

}  // namespace

const Kernel<ResolveForward> resolve_forward{"resolve_forward", forward_list};
const Kernel<ResolveBackward> resolve_backward{"resolve_backward", backward_list};

}  // namespace vitrine::cpu
#endif
