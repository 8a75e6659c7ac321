// Global average pooling: the column sums of each image, and in backward one row repeated.

#include "kernels/cpu/parallel.h"
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

template <class T>
HWY_ATTR void forward(const GlobalAveragePoolForward& args, int64_t n, Accumulate<T>* sums) {
    using A = Accumulate<T>;
    T* y = static_cast<T*>(args.y) + n * args.channels;
    std::fill(sums, sums + args.channels, A(0));
    add_columns(static_cast<const T*>(args.x) + n * args.pixels * args.channels, args.pixels, args.channels,
                sums);
    const auto share = constant<A>(1.0 / static_cast<double>(args.pixels));
    for_each_vector<A>(args.channels, [=](auto part, int64_t c) HWY_ATTR {
        part.store(hn::Mul(part.load(sums + c), share), y + c);
    });
}

template <class T>
HWY_ATTR void backward(const GlobalAveragePoolBackward& args, int64_t n) {
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
}

/// `sums` has room for [channels] of Accumulate<dtype>.
void forward_image(const GlobalAveragePoolForward& args, int64_t n, void* sums) {
    dispatch_storage(args.dtype, [&]<class T>() { forward<T>(args, n, static_cast<Accumulate<T>*>(sums)); });
}

void backward_image(const GlobalAveragePoolBackward& args, int64_t n) {
    dispatch_storage(args.dtype, [&]<class T>() { backward<T>(args, n); });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(forward_image);
HWY_EXPORT(backward_image);

void run_forward(const GlobalAveragePoolForward& args, Context& context) {
    dispatch_float(accumulate_of(args.dtype), [&]<class A>() {
        const PerThread<A> sums(context, args.channels);
        parallel_for(args.batch, [&](int64_t n) {
            HWY_DYNAMIC_DISPATCH(forward_image)(args, n, sums.mine());
        });
    });
}

void run_backward(const GlobalAveragePoolBackward& args, Context&) {
    if (!args.d_x) return;
    parallel_for(args.batch, [&](int64_t n) { HWY_DYNAMIC_DISPATCH(backward_image)(args, n); });
}

constexpr Implementation<GlobalAveragePoolForward> forward_list[]{
    {"vector", refuses_nothing, run_forward, StorageTypes::all}};
constexpr Implementation<GlobalAveragePoolBackward> backward_list[]{
    {"vector", refuses_nothing, run_backward, StorageTypes::all}};

}  // namespace

const Kernel<GlobalAveragePoolForward> global_average_pool_forward{"global_average_pool_forward",
                                                                   forward_list};
const Kernel<GlobalAveragePoolBackward> global_average_pool_backward{"global_average_pool_backward",
                                                                     backward_list};

}  // namespace vitrine::cpu
#endif
