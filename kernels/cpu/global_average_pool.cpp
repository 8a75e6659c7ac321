// Global average pooling: the column sums of each image, of what its input is normalised and clamped to on the way, and in
// backward one row repeated, where the clamp lets it pass.

#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/global_average_pool.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/channel_reduce-inl.h"
#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/simd-inl.h"

#ifndef VITRINE_KERNELS_CPU_GLOBAL_AVERAGE_POOL_ONCE
#define VITRINE_KERNELS_CPU_GLOBAL_AVERAGE_POOL_ONCE
namespace vitrine::cpu {
namespace {

/// Some pixels of an image, and what a thread has for them, [channels] of Accumulate<dtype> each.
struct PoolChunk {
    int64_t image;
    Range pixels;
    void* share;       // room for d_y / pixels
    void* scale_sums;  // Σ d_u · x; null where it is not wanted
    void* shift_sums;  // Σ d_u
};

}  // namespace
}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// sums[c] += Σ activation([scale_c ·] x[row, c] [+ shift_c]).
template <class T>
HWY_ATTR void add_pending_columns(const GlobalAveragePoolForward& args, const T* x, Accumulate<T>* sums) {
    using A = Accumulate<T>;
    const int64_t channels = args.channels;
    const A *scale = static_cast<const A*>(args.x.scale), *shift = static_cast<const A*>(args.x.shift);
    const Activation activation = args.activation;
    for_each_row_group<T>(args.pixels, channels, [=](int64_t row, auto group) HWY_ATTR {
        const T* first = x + row * channels;
        for_each_vector<A>(channels, [=](auto part, int64_t c) HWY_ATTR {
            const auto factor = scale == nullptr ? constant<A>(0) : part.load(scale + c);
            const auto offset = scale == nullptr ? constant<A>(0) : part.load(shift + c);
            auto sum = part.load(sums + c);
            for (int64_t k = 0; k < group.value; ++k) {
                const auto value = part.load(first + k * channels + c);
                const auto u = scale == nullptr ? value : hn::MulAdd(factor, value, offset);
                sum = hn::Add(sum, clamped_vector(activation, u));
            }
            part.store(sum, sums + c);
        });
    });
}

/// `room` is for [channels] of Accumulate<dtype>.
constexpr auto forward =
    all_types([]<class T>(const GlobalAveragePoolForward& args, int64_t n, void* room) HWY_ATTR {
        using A = Accumulate<T>;
        A* sums = static_cast<A*>(room);
        const T* x = static_cast<const T*>(args.x.x) + n * args.pixels * args.channels;
        T* y = static_cast<T*>(args.y) + n * args.channels;
        std::fill(sums, sums + args.channels, A(0));
        if (args.plain()) {
            add_columns(x, args.pixels, args.channels, sums);
        } else {
            add_pending_columns(args, x, sums);
        }
        const auto share = constant<A>(1.0 / static_cast<double>(args.pixels));
        for_each_vector<A>(args.channels, [=](auto part, int64_t c) HWY_ATTR {
            part.store(hn::Mul(part.load(sums + c), share), y + c);
        });
    });
void forward_image(const GlobalAveragePoolForward& args, int64_t n, void* room) { forward(args, n, room); }

constexpr auto backward = all_types([]<class T>(const GlobalAveragePoolBackward& args, int64_t n) HWY_ATTR {
    const T* d_y = static_cast<const T*>(args.d_y) + n * args.channels;
    const VectorGradient<T> d_x(args.d_x.x);
    const int64_t channels = args.channels;
    const auto share = constant<Accumulate<T>>(1.0 / static_cast<double>(args.pixels));
    for (int64_t pixel = 0; pixel < args.pixels; ++pixel) {
        const int64_t first = (n * args.pixels + pixel) * channels;
        for_each_vector<Accumulate<T>>(channels, [=](auto part, int64_t c) HWY_ATTR {
            d_x.put(part, first + c, hn::Mul(part.load(d_y + c), share));
        });
    }
});
void backward_image(const GlobalAveragePoolBackward& args, int64_t n) { backward(args, n); }

template <class T>
HWY_ATTR void pending_gradient(const GlobalAveragePoolBackward& args, const PoolChunk& chunk) {
    using A = Accumulate<T>;
    const int64_t channels = args.channels;
    const T* d_y = static_cast<const T*>(args.d_y) + chunk.image * channels;
    A* d_a = static_cast<A*>(chunk.share);
    const auto share = constant<A>(1.0 / static_cast<double>(args.pixels));
    for_each_vector<A>(channels, [=](auto part, int64_t c)
                                     HWY_ATTR { part.store(hn::Mul(part.load(d_y + c), share), d_a + c); });
    const int64_t first = (chunk.image * args.pixels + chunk.pixels.begin) * channels;
    T* d_x = static_cast<T*>(args.d_x.x.data);
    prologue_gradient_rows<T, A, T>({static_cast<const T*>(args.x.x) + first, channels}, {d_a, 0},
                                    chunk.pixels.count(), channels, static_cast<const A*>(args.x.scale),
                                    static_cast<const A*>(args.x.shift), args.activation,
                                    {.d_x = {d_x == nullptr ? nullptr : d_x + first, channels},
                                     .accumulate = args.d_x.x.mode == GradMode::accumulate,
                                     .scale_sums = static_cast<A*>(chunk.scale_sums),
                                     .shift_sums = static_cast<A*>(chunk.shift_sums)});
}

constexpr auto backward_pending =
    all_types([]<class T>(const GlobalAveragePoolBackward& args, const PoolChunk& chunk) {
        in_own_rounding<T>([&]<class Own>() { pending_gradient<Own>(args, chunk); });
    });
void backward_chunk(const GlobalAveragePoolBackward& args, const PoolChunk& chunk) {
    backward_pending(args, chunk);
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(forward_image);
HWY_EXPORT(backward_image);
HWY_EXPORT(backward_chunk);

constexpr auto forward = all_types([]<class T>(const GlobalAveragePoolForward& args, Context& context) {
    const PerThread<Accumulate<T>> sums(context, args.channels);
    parallel_for(args.batch, [&](int64_t n) { HWY_DYNAMIC_DISPATCH(forward_image)(args, n, sums.mine()); });
});

/// What is pending has sums over the pixels of all images: a chunk's lie in T, so it is of few enough to stay accurate.
template <class T>
void backward_of_pending(const GlobalAveragePoolBackward& args, Context& context) {
    using A = Accumulate<T>;
    // Σ d_u adds the same number again and again, always rounded the same way: not for long in T.
    constexpr int64_t pixels_of_chunk = 64;
    const int64_t channels = args.channels;
    const Chunks pixels{args.pixels, pixels_of_chunk};
    const int64_t count = args.batch * pixels.count();
    A* const scale = partial_sums<A>(args.d_x.scale, count, channels, context);
    A* const shift = partial_sums<A>(args.d_x.shift, count, channels, context);
    const PerThread<A> shares(context, channels);
    parallel_for(count, [&](int64_t i) {
        const auto part_of = [&](A* sums) { return sums == nullptr ? nullptr : sums + i * channels; };
        HWY_DYNAMIC_DISPATCH(backward_chunk)
        (args, {i / pixels.count(), pixels.range(i % pixels.count()), shares.mine(), part_of(scale),
                part_of(shift)});
    });
    if (scale != nullptr) combine_sums(scale, count, channels, channels, args.d_x.scale);
    if (shift != nullptr) combine_sums(shift, count, channels, channels, args.d_x.shift);
}

constexpr auto backward = all_types([]<class T>(const GlobalAveragePoolBackward& args, Context& context) {
    if (!args.d_x) return;
    if (!args.plain()) return backward_of_pending<T>(args, context);
    parallel_for(args.batch, [&](int64_t n) { HWY_DYNAMIC_DISPATCH(backward_image)(args, n); });
});

constexpr Implementation<GlobalAveragePoolForward> forward_list[]{
    {"vector", refuses_curve_to_resolve<GlobalAveragePoolForward>, forward}};
constexpr Implementation<GlobalAveragePoolBackward> backward_list[]{
    {"vector", refuses_curve_to_resolve<GlobalAveragePoolBackward>, backward}};

}  // namespace

const Kernel<GlobalAveragePoolForward> global_average_pool_forward{"global_average_pool_forward",
                                                                   forward_list};
const Kernel<GlobalAveragePoolBackward> global_average_pool_backward{"global_average_pool_backward",
                                                                     backward_list};

}  // namespace vitrine::cpu
#endif
