// Batch norm in training with cuDNN, which keeps mean and inverse deviation for backward as the contract
// does.
//
// In evaluation it has no backward, and its forward leaves neither mean nor rstd behind: refused. The mode is
// CUDNN_BATCHNORM_SPATIAL; the persistent one is faster, but cuDNN promises less of its range. The running
// variance takes the unbiased estimate, as the contract wants it.

#include "kernels/cuda/vendor/implementations.h"
#include "kernels/cuda/vendor/plans.h"
#include "kernels/cuda/vendor/rearrange.h"

namespace vitrine::VITRINE_GPU::vendor {
namespace {

constexpr cudnnBatchNormMode_t mode = CUDNN_BATCHNORM_SPATIAL;

struct NormPlan {
    cudnnTensorDescriptor_t x = nullptr;         // of y and the gradients, too
    cudnnTensorDescriptor_t channels = nullptr;  // of everything that has one value for each channel
    std::string refusal;
};

/// The rows are the pixels of one image: cuDNN limits the number of images more than their size.
const NormPlan& norm_plan(int64_t rows, int64_t channels, DType dtype) {
    static auto& plans = *new PlanCache<NormPlan>;
    return plans.get({rows, channels, static_cast<int64_t>(dtype)}, [&](NormPlan& plan) {
        plan.x = describe_images(dtype, 1, {rows, 1}, channels);
        plan.channels = describe_images(dtype, 1, {1, 1}, channels);
    });
}

template <class Args>
const char* refuses(const Args& args) {
    if (cudnn_problem() != nullptr) return cudnn_problem();
    if (!args.training) return "evaluation: cuDNN keeps no mean and rstd there, and has no backward of it";
    if (args.rows == 0 || args.channels == 0) return empty_tensor;
    return fit_int({args.rows, args.channels, args.rows * args.channels}) ? nullptr : too_large;
}

template <class T>
void run_forward(const BatchNormForward& args) {
    const NormPlan& plan = norm_plan(args.rows, args.channels, args.dtype);
    const T one = 1, zero = 0;
    VITRINE_CUDNN(cudnnBatchNormalizationForwardTraining, cudnn_handle(), mode, &one, &zero, plan.x, args.x,
                  plan.x, args.y, plan.channels, args.weight, args.bias, args.momentum, args.running_mean,
                  args.running_variance, args.epsilon, args.mean, args.rstd);
}

/// cuDNN always computes all three gradients: one that nobody wants goes to scratch memory, and so does d_x
/// where it lies over d_y, since cuDNN does not say that it works in place.
template <class T>
void run_backward(const BatchNormBackward& args, Context& context) {
    const NormPlan& plan = norm_plan(args.rows, args.channels, args.dtype);
    T* d_weight = context.scratch.take<T>(args.channels);
    T* d_bias = context.scratch.take<T>(args.channels);
    const bool direct = args.d_x && args.d_x.data != args.d_y;
    void* d_x = direct ? args.d_x.data : context.scratch.take<T>(args.rows * args.channels);
    const T one = 1, zero = 0, kept = direct && args.d_x.mode == GradMode::accumulate ? T(1) : T(0);
    // Given mean and rstd, the epsilon plays no part; it must only be one that cuDNN allows.
    constexpr double epsilon = 1e-5;
    VITRINE_CUDNN(cudnnBatchNormalizationBackward, cudnn_handle(), mode, &one, &kept, &one, &zero, plan.x,
                  args.x, plan.x, args.d_y, plan.x, d_x, plan.channels, args.weight, d_weight, d_bias,
                  epsilon, args.mean, args.rstd);
    if (args.d_x && !direct) put(static_cast<const T*>(d_x), args.d_x, args.rows * args.channels);
    put<T>(d_weight, args.d_weight, args.channels);
    put<T>(d_bias, args.d_bias, args.channels);
}

}  // namespace

const char* cudnn_refuses_batch_norm_forward(const BatchNormForward& args) {
    if (const char* reason = refuses(args)) return reason;
    if (args.epsilon < CUDNN_BN_MIN_EPSILON) return "an epsilon below cuDNN's least";
    if (!aligned(args.x, args.weight, args.bias, args.running_mean, args.running_variance, args.mean,
                 args.rstd, args.y))
        return misaligned;
    return phrase_of(norm_plan(args.rows, args.channels, args.dtype).refusal);
}

const char* cudnn_refuses_batch_norm_backward(const BatchNormBackward& args) {
    if (const char* reason = refuses(args)) return reason;
    if (!aligned(args.x, args.weight, args.mean, args.rstd, args.d_y, args.d_x.data)) return misaligned;
    return phrase_of(norm_plan(args.rows, args.channels, args.dtype).refusal);
}

void cudnn_batch_norm_forward(const BatchNormForward& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() { run_forward<T>(args); });
}

void cudnn_batch_norm_backward(const BatchNormBackward& args, Context& context) {
    if (!args.d_x && !args.d_weight && !args.d_bias) return;
    dispatch_float(args.dtype, [&]<class T>() { run_backward<T>(args, context); });
}

}  // namespace vitrine::VITRINE_GPU::vendor
