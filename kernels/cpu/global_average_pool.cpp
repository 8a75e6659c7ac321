// Global average pooling: the column sums of each image, and in backward one row repeated.

#include "kernels/cpu/in_chunks.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/global_average_pool.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/channel_reduce-inl.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// `room` is for [channels] of Accumulate<dtype>.
constexpr auto forward =
    all_types([]<class T>(const GlobalAveragePoolForward& args, int64_t n, void* room) HWY_ATTR {
        using A = Accumulate<T>;
        A* sums = static_cast<A*>(room);
        T* y = static_cast<T*>(args.y) + n * args.channels;
        std::fill(sums, sums + args.channels, A(0));
        add_columns(static_cast<const T*>(args.x) + n * args.pixels * args.channels, args.pixels,
                    args.channels, sums);
        const auto share = constant<A>(1.0 / static_cast<double>(args.pixels));
        for_each_vector<A>(args.channels, [=](auto part, int64_t c) HWY_ATTR {
            part.store(hn::Mul(part.load(sums + c), share), y + c);
        });
    });
void forward_image(const GlobalAveragePoolForward& args, int64_t n, void* room) { forward(args, n, room); }

constexpr auto backward = all_types([]<class T>(const GlobalAveragePoolBackward& args, int64_t n) HWY_ATTR {
    if (!args.d_x) return;
    const T* d_y = static_cast<const T*>(args.d_y) + n * args.channels;
    const VectorGradient<T> d_x(args.d_x);
    const int64_t channels = args.channels;
    const auto share = constant<Accumulate<T>>(1.0 / static_cast<double>(args.pixels));
    for (int64_t pixel = 0; pixel < args.pixels; ++pixel) {
        const int64_t first = (n * args.pixels + pixel) * channels;
        for_each_vector<Accumulate<T>>(channels, [=](auto part, int64_t c) HWY_ATTR {
            d_x.put(part, first + c, hn::Mul(part.load(d_y + c), share));
        });
    }
});
void backward_chunk(const GlobalAveragePoolBackward& args, Range images) {
    for (int64_t n = images.begin; n < images.end; ++n) backward(args, n);
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(forward_image);

constexpr auto forward = all_types([]<class T>(const GlobalAveragePoolForward& args, Context& context) {
    const PerThread<Accumulate<T>> sums(context, args.channels);
    parallel_for(args.batch, [&](int64_t n) { HWY_DYNAMIC_DISPATCH(forward_image)(args, n, sums.mine()); });
});

Chunks chunks_of(const GlobalAveragePoolBackward& args) { return {args.batch, 1}; }

constexpr Implementation<GlobalAveragePoolForward> forward_list[]{{"vector", refuses_nothing, forward}};
constexpr Implementation<GlobalAveragePoolBackward> backward_list[]{
    {"vector", refuses_nothing, VITRINE_IN_CHUNKS(backward)}};

}  // namespace

const Kernel<GlobalAveragePoolForward> global_average_pool_forward{"global_average_pool_forward",
                                                                   forward_list};
const Kernel<GlobalAveragePoolBackward> global_average_pool_backward{"global_average_pool_backward",
                                                                     backward_list};

}  // namespace vitrine::cpu
#endif
