// Makes descriptors and asks cuDNN for an algorithm.
//
// cuDNN's heuristics name algorithms in the order of their expected time. The first one is taken that gives
// the same bits each time, multiplies in full precision (no TF32) and needs a workspace that can be afforded.
// Transforming ones (FFT, the large Winograd tiles) are left out: in f32 their error is beyond what gradcheck
// allows.
//
// This is cuDNN's older interface, which its version 9 still has beside the graph interface. For single
// convolutions it does the same with a tenth of the code.

#include "kernels/cuda/vendor/cudnn_conv_plan.h"

namespace vitrine::VITRINE_GPU::vendor {
namespace {

constexpr size_t largest_workspace = size_t{1} << 30;

// What differs between the three directions.

struct Forward {
    using Candidate = cudnnConvolutionFwdAlgoPerf_t;
    static constexpr int count = CUDNN_CONVOLUTION_FWD_ALGO_COUNT;

    static bool exact(cudnnConvolutionFwdAlgo_t algorithm) {
        return algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM ||
               algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM ||
               algorithm == CUDNN_CONVOLUTION_FWD_ALGO_GEMM || algorithm == CUDNN_CONVOLUTION_FWD_ALGO_DIRECT;
    }
    static void candidates(const ConvPlan& plan, int* found, Candidate* list) {
        VITRINE_CUDNN(cudnnGetConvolutionForwardAlgorithm_v7, cudnn_handle(), plan.x, plan.weight,
                      plan.convolution, plan.y, count, found, list);
    }
    static cudnnStatus_t workspace(const ConvPlan& plan, const Candidate& candidate, size_t* bytes) {
        return cudnn().cudnnGetConvolutionForwardWorkspaceSize(
            cudnn_handle(), plan.x, plan.weight, plan.convolution, plan.y, candidate.algo, bytes);
    }
};

struct InputGradient {
    using Candidate = cudnnConvolutionBwdDataAlgoPerf_t;
    static constexpr int count = CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT;

    static bool exact(cudnnConvolutionBwdDataAlgo_t algorithm) {
        return algorithm == CUDNN_CONVOLUTION_BWD_DATA_ALGO_0 ||
               algorithm == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
    }
    static void candidates(const ConvPlan& plan, int* found, Candidate* list) {
        VITRINE_CUDNN(cudnnGetConvolutionBackwardDataAlgorithm_v7, cudnn_handle(), plan.weight, plan.y,
                      plan.convolution, plan.x, count, found, list);
    }
    static cudnnStatus_t workspace(const ConvPlan& plan, const Candidate& candidate, size_t* bytes) {
        return cudnn().cudnnGetConvolutionBackwardDataWorkspaceSize(
            cudnn_handle(), plan.weight, plan.y, plan.convolution, plan.x, candidate.algo, bytes);
    }
};

struct WeightGradient {
    using Candidate = cudnnConvolutionBwdFilterAlgoPerf_t;
    static constexpr int count = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT;

    static bool exact(cudnnConvolutionBwdFilterAlgo_t algorithm) {
        return algorithm == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 ||
               algorithm == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1 ||
               algorithm == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3;
    }
    static void candidates(const ConvPlan& plan, int* found, Candidate* list) {
        VITRINE_CUDNN(cudnnGetConvolutionBackwardFilterAlgorithm_v7, cudnn_handle(), plan.x, plan.y,
                      plan.convolution, plan.weight, count, found, list);
    }
    static cudnnStatus_t workspace(const ConvPlan& plan, const Candidate& candidate, size_t* bytes) {
        return cudnn().cudnnGetConvolutionBackwardFilterWorkspaceSize(
            cudnn_handle(), plan.x, plan.y, plan.convolution, plan.weight, candidate.algo, bytes);
    }
};

void describe(ConvPlan& plan, const ConvShape& shape, DType dtype) {
    const auto narrow = [](int64_t size) { return static_cast<int>(size); };
    plan.x = describe_images(dtype, shape.batch, shape.in, shape.in_channels);
    plan.y = describe_images(dtype, shape.batch, shape.out(), shape.out_channels);
    VITRINE_CUDNN(cudnnCreateFilterDescriptor, &plan.weight);
    VITRINE_CUDNN(cudnnSetFilter4dDescriptor, plan.weight, data_type(dtype), CUDNN_TENSOR_NHWC,
                  narrow(shape.out_channels), narrow(shape.in_channels / shape.groups),
                  narrow(shape.kernel.height), narrow(shape.kernel.width));
    VITRINE_CUDNN(cudnnCreateConvolutionDescriptor, &plan.convolution);
    VITRINE_CUDNN(cudnnSetConvolution2dDescriptor, plan.convolution, narrow(shape.padding.height),
                  narrow(shape.padding.width), narrow(shape.stride.height), narrow(shape.stride.width), 1, 1,
                  CUDNN_CROSS_CORRELATION, data_type(dtype));
    VITRINE_CUDNN(cudnnSetConvolutionGroupCount, plan.convolution, narrow(shape.groups));
    VITRINE_CUDNN(cudnnSetConvolutionMathType, plan.convolution, CUDNN_FMA_MATH);
}

template <class Candidate>
bool repeats_its_bits_in_full_precision(const Candidate& candidate) {
    return candidate.status == CUDNN_STATUS_SUCCESS && candidate.determinism == CUDNN_DETERMINISTIC &&
           (candidate.mathType == CUDNN_FMA_MATH || candidate.mathType == CUDNN_DEFAULT_MATH);
}

template <class Way>
void choose_algorithm(ConvPlan& plan) {
    typename Way::Candidate candidates[static_cast<size_t>(Way::count)];
    int found = 0;
    Way::candidates(plan, &found, candidates);
    for (int i = 0; i < found; ++i) {
        const auto& candidate = candidates[i];
        if (!repeats_its_bits_in_full_precision(candidate) || !Way::exact(candidate.algo)) continue;
        size_t bytes = 0;
        if (Way::workspace(plan, candidate, &bytes) != CUDNN_STATUS_SUCCESS || bytes > largest_workspace)
            continue;
        plan.algorithm = static_cast<int>(candidate.algo);
        plan.workspace_bytes = bytes;
        return;
    }
    plan.refusal = "cuDNN has no algorithm for this shape and type that repeats its bits";
}

void make_plan(ConvPlan& plan, const ConvShape& shape, DType dtype, Direction direction) {
    describe(plan, shape, dtype);
    switch (direction) {
        case Direction::forward:
            choose_algorithm<Forward>(plan);
            break;
        case Direction::input_gradient:
            choose_algorithm<InputGradient>(plan);
            break;
        case Direction::weight_gradient:
            choose_algorithm<WeightGradient>(plan);
            break;
    }
}

std::vector<int64_t> key_of(const ConvShape& shape, DType dtype, Direction direction) {
    return {shape.batch,
            shape.in.height,
            shape.in.width,
            shape.in_channels,
            shape.out_channels,
            shape.kernel.height,
            shape.kernel.width,
            shape.stride.height,
            shape.stride.width,
            shape.padding.height,
            shape.padding.width,
            shape.groups,
            static_cast<int64_t>(dtype),
            static_cast<int64_t>(direction)};
}

}  // namespace

const ConvPlan& conv_plan(const ConvShape& shape, DType dtype, Direction direction) {
    static auto& plans = *new PlanCache<ConvPlan>;
    return plans.get(key_of(shape, dtype, direction),
                     [&](ConvPlan& plan) { make_plan(plan, shape, dtype, direction); });
}

}  // namespace vitrine::VITRINE_GPU::vendor
