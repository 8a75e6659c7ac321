// Makes descriptors and asks cuDNN for an algorithm.
//
// cuDNN's heuristics name algorithms in the order of their expected time. The first one is taken that gives
// the same bits each time, multiplies in full precision (no TF32) and needs a workspace that can be afforded.
// Transforming ones (FFT, the large Winograd tiles) are left out: in f32 their error is beyond what gradcheck
// allows.
//
// This is cuDNN's older interface, which its version 9 still has beside the graph interface. For single
// convolutions it does the same with a tenth of the code.

#include "kernels/cuda/vendor/cudnn_plan.h"

#include <map>
#include <vector>

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
    static cudnnStatus_t candidates(const CudnnPlan& plan, int* found, Candidate* list) {
        return cudnn().cudnnGetConvolutionForwardAlgorithm_v7(cudnn_handle(), plan.x, plan.weight,
                                                              plan.convolution, plan.y, count, found, list);
    }
    static cudnnStatus_t workspace(const CudnnPlan& plan, const Candidate& candidate, size_t* bytes) {
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
    static cudnnStatus_t candidates(const CudnnPlan& plan, int* found, Candidate* list) {
        return cudnn().cudnnGetConvolutionBackwardDataAlgorithm_v7(
            cudnn_handle(), plan.weight, plan.y, plan.convolution, plan.x, count, found, list);
    }
    static cudnnStatus_t workspace(const CudnnPlan& plan, const Candidate& candidate, size_t* bytes) {
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
    static cudnnStatus_t candidates(const CudnnPlan& plan, int* found, Candidate* list) {
        return cudnn().cudnnGetConvolutionBackwardFilterAlgorithm_v7(
            cudnn_handle(), plan.x, plan.y, plan.convolution, plan.weight, count, found, list);
    }
    static cudnnStatus_t workspace(const CudnnPlan& plan, const Candidate& candidate, size_t* bytes) {
        return cudnn().cudnnGetConvolutionBackwardFilterWorkspaceSize(
            cudnn_handle(), plan.x, plan.y, plan.convolution, plan.weight, candidate.algo, bytes);
    }
};

/// True if the call succeeded; else the plan says why it is none.
bool succeeded(CudnnPlan& plan, cudnnStatus_t status) {
    if (status == CUDNN_STATUS_SUCCESS) return true;
    plan.refusal = std::string("cuDNN does not take this shape: ") + cudnn().cudnnGetErrorString(status);
    return false;
}

bool describe(CudnnPlan& plan, const ConvShape& shape, DType dtype) {
    const cudnnDataType_t type = dtype == DType::f32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_DOUBLE;
    const auto narrow = [](int64_t size) { return static_cast<int>(size); };
    VITRINE_CUDNN(cudnnCreateTensorDescriptor, &plan.x);
    VITRINE_CUDNN(cudnnCreateTensorDescriptor, &plan.y);
    VITRINE_CUDNN(cudnnCreateFilterDescriptor, &plan.weight);
    VITRINE_CUDNN(cudnnCreateConvolutionDescriptor, &plan.convolution);
    return succeeded(plan, cudnn().cudnnSetTensor4dDescriptor(
                               plan.x, CUDNN_TENSOR_NHWC, type, narrow(shape.batch),
                               narrow(shape.in_channels), narrow(shape.in.height), narrow(shape.in.width))) &&
           succeeded(plan, cudnn().cudnnSetTensor4dDescriptor(plan.y, CUDNN_TENSOR_NHWC, type,
                                                              narrow(shape.batch), narrow(shape.out_channels),
                                                              narrow(shape.out().height),
                                                              narrow(shape.out().width))) &&
           succeeded(plan, cudnn().cudnnSetFilter4dDescriptor(
                               plan.weight, type, CUDNN_TENSOR_NHWC, narrow(shape.out_channels),
                               narrow(shape.in_channels / shape.groups), narrow(shape.kernel.height),
                               narrow(shape.kernel.width))) &&
           succeeded(plan, cudnn().cudnnSetConvolution2dDescriptor(
                               plan.convolution, narrow(shape.padding.height), narrow(shape.padding.width),
                               narrow(shape.stride.height), narrow(shape.stride.width), 1, 1,
                               CUDNN_CROSS_CORRELATION, type)) &&
           succeeded(plan, cudnn().cudnnSetConvolutionGroupCount(plan.convolution, narrow(shape.groups))) &&
           succeeded(plan, cudnn().cudnnSetConvolutionMathType(plan.convolution, CUDNN_FMA_MATH));
}

template <class Candidate>
bool repeats_its_bits_in_full_precision(const Candidate& candidate) {
    return candidate.status == CUDNN_STATUS_SUCCESS && candidate.determinism == CUDNN_DETERMINISTIC &&
           (candidate.mathType == CUDNN_FMA_MATH || candidate.mathType == CUDNN_DEFAULT_MATH);
}

template <class Way>
void choose_algorithm(CudnnPlan& plan) {
    typename Way::Candidate candidates[static_cast<size_t>(Way::count)];
    int found = 0;
    if (!succeeded(plan, Way::candidates(plan, &found, candidates))) return;
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

CudnnPlan make_plan(const ConvShape& shape, DType dtype, Direction direction) {
    CudnnPlan plan;
    if (!describe(plan, shape, dtype)) return plan;
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
    return plan;
}

using Key = std::vector<int64_t>;

Key key_of(const ConvShape& shape, DType dtype, Direction direction) {
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

const CudnnPlan& cudnn_plan(const ConvShape& shape, DType dtype, Direction direction) {
    // Never destroyed: the driver may be gone by the time that static objects are.
    static auto& plans = *new std::map<Key, CudnnPlan>;
    const Key key = key_of(shape, dtype, direction);
    const auto known = plans.find(key);
    if (known != plans.end()) return known->second;
    return plans.emplace(key, make_plan(shape, dtype, direction)).first->second;
}

}  // namespace vitrine::VITRINE_GPU::vendor
