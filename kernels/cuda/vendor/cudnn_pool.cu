// Pooling with cuDNN: averages with padding counted, the average of a whole image as one window, and the
// forward pass of the maximum.
//
// Max pooling's backward is refused always: cuDNN finds the winners anew from x and y, which the contract
// does not keep, and of equal values it does not promise the first. Forward, only the maximum is cuDNN's; the
// index of the first that equals it is found by a pass of our own, which also gives back −∞ to windows that
// hold nothing else.

#include "kernels/cuda/vendor/implementations.h"
#include "kernels/cuda/vendor/plans.h"
#include "kernels/cuda/vendor/rearrange.h"

namespace vitrine::VITRINE_GPU::vendor {
namespace {

struct PoolPlan {
    cudnnTensorDescriptor_t x = nullptr;
    cudnnTensorDescriptor_t y = nullptr;
    cudnnPoolingDescriptor_t pooling = nullptr;
    std::string refusal;
};

void make_plan(PoolPlan& plan, const PoolShape& shape, DType dtype, cudnnPoolingMode_t mode) {
    const auto narrow = [](int64_t size) { return static_cast<int>(size); };
    plan.x = describe_images(dtype, shape.batch, shape.in, shape.channels);
    plan.y = describe_images(dtype, shape.batch, shape.out(), shape.channels);
    VITRINE_CUDNN(cudnnCreatePoolingDescriptor, &plan.pooling);
    VITRINE_CUDNN(cudnnSetPooling2dDescriptor, plan.pooling, mode, CUDNN_PROPAGATE_NAN,
                  narrow(shape.kernel.height), narrow(shape.kernel.width), narrow(shape.padding.height),
                  narrow(shape.padding.width), narrow(shape.stride.height), narrow(shape.stride.width));
}

const PoolPlan& pool_plan(const PoolShape& shape, DType dtype, cudnnPoolingMode_t mode) {
    static auto& plans = *new PlanCache<PoolPlan>;
    const std::vector<int64_t> key{shape.batch,
                                   shape.in.height,
                                   shape.in.width,
                                   shape.channels,
                                   shape.kernel.height,
                                   shape.kernel.width,
                                   shape.stride.height,
                                   shape.stride.width,
                                   shape.padding.height,
                                   shape.padding.width,
                                   static_cast<int64_t>(dtype),
                                   static_cast<int64_t>(mode)};
    return plans.get(key, [&](PoolPlan& plan) { make_plan(plan, shape, dtype, mode); });
}

constexpr cudnnPoolingMode_t average = CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING;
constexpr cudnnPoolingMode_t maximum = CUDNN_POOLING_MAX_DETERMINISTIC;
constexpr const char* reads_pending = "cuDNN's pools neither normalise nor clamp what they read";

int64_t out_count(const PoolShape& shape) {
    return shape.batch * shape.out().height * shape.out().width * shape.channels;
}

const char* refuses(const PoolShape& shape, DType dtype, cudnnPoolingMode_t mode, const void* x,
                    const void* y) {
    if (cudnn_problem() != nullptr) return cudnn_problem();
    const int64_t in = shape.batch * shape.in.height * shape.in.width * shape.channels;
    if (in == 0 || shape.out().height <= 0 || shape.out().width <= 0) return empty_tensor;
    if (!fit_int({in, out_count(shape)})) return too_large;
    if (!aligned(x, y)) return misaligned;
    return phrase_of(pool_plan(shape, dtype, mode).refusal);
}

void run_forward(const PoolShape& shape, DType dtype, cudnnPoolingMode_t mode, const void* x, void* y) {
    const PoolPlan& plan = pool_plan(shape, dtype, mode);
    dispatch_float(dtype, [&]<class T>() {
        const T one = 1, zero = 0;
        VITRINE_CUDNN(cudnnPoolingForward, cudnn_handle(), plan.pooling, &one, plan.x, x, &zero, plan.y, y);
    });
}

/// The gradient of an average depends on neither x nor y, yet the call asks for both: any memory of their
/// shapes will do.
void run_average_backward(const PoolShape& shape, DType dtype, const void* d_y, const Gradient& d_x) {
    if (!d_x) return;
    const PoolPlan& plan = pool_plan(shape, dtype, average);
    dispatch_float(dtype, [&]<class T>() {
        const T one = 1, kept = d_x.mode == GradMode::accumulate ? T(1) : T(0);
        VITRINE_CUDNN(cudnnPoolingBackward, cudnn_handle(), plan.pooling, &one, plan.y, d_y, plan.y, d_y,
                      plan.x, d_x.data, &kept, plan.x, d_x.data);
    });
}

/// The average of a whole image is that of one window as large as it.
template <class Args>
PoolShape whole_image(const Args& args) {
    return {args.batch, {args.pixels, 1}, args.channels, {args.pixels, 1}, {1, 1}, {0, 0}};
}

}  // namespace

const char* cudnn_refuses_average_pool_forward(const AveragePoolForward& args) {
    return refuses(args.shape, args.dtype, average, args.x, args.y);
}
const char* cudnn_refuses_average_pool_backward(const AveragePoolBackward& args) {
    return refuses(args.shape, args.dtype, average, args.d_x.data, args.d_y);
}
const char* cudnn_refuses_global_average_pool_forward(const GlobalAveragePoolForward& args) {
    if (!args.plain()) return reads_pending;
    return refuses(whole_image(args), args.dtype, average, args.x.x, args.y);
}
const char* cudnn_refuses_global_average_pool_backward(const GlobalAveragePoolBackward& args) {
    if (!args.plain()) return reads_pending;
    return refuses(whole_image(args), args.dtype, average, args.d_x.x.data, args.d_y);
}
const char* cudnn_refuses_max_pool_forward(const MaxPoolForward& args) {
    return refuses(args.shape, args.dtype, maximum, args.x, args.y);
}
const char* cudnn_refuses_max_pool_backward(const MaxPoolBackward&) {
    if (cudnn_problem() != nullptr) return cudnn_problem();
    return "cuDNN needs x and y to find the winners anew, and of equal values it does not promise the first";
}

void cudnn_average_pool_forward(const AveragePoolForward& args, Context&) {
    run_forward(args.shape, args.dtype, average, args.x, args.y);
}
void cudnn_average_pool_backward(const AveragePoolBackward& args, Context&) {
    run_average_backward(args.shape, args.dtype, args.d_y, args.d_x);
}
void cudnn_global_average_pool_forward(const GlobalAveragePoolForward& args, Context&) {
    run_forward(whole_image(args), args.dtype, average, args.x.x, args.y);
}
void cudnn_global_average_pool_backward(const GlobalAveragePoolBackward& args, Context&) {
    run_average_backward(whole_image(args), args.dtype, args.d_y, args.d_x.x);
}

void cudnn_max_pool_forward(const MaxPoolForward& args, Context&) {
    run_forward(args.shape, args.dtype, maximum, args.x, args.y);
    dispatch_float(args.dtype, [&]<class T>() {
        find_winners(args.shape, static_cast<const T*>(args.x), static_cast<T*>(args.y), args.index);
    });
}

void cudnn_max_pool_backward(const MaxPoolBackward&, Context&) {
    throw std::logic_error("cuDNN's max_pool_backward refuses everything");
}

}  // namespace vitrine::VITRINE_GPU::vendor
