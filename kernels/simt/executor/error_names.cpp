// Names and sentences of errors, as CUDA has them.

#include "kernels/simt/executor/error_names.h"

#include <algorithm>
#include <iterator>

namespace vitrine::simt {
namespace {

struct ErrorWords {
    cudaError_t error;
    const char* name;
    const char* sentence;
};

constexpr ErrorWords all_errors[]{
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorCudartUnloading, "cudaErrorCudartUnloading", "driver shutting down"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorECCUncorrectable, "cudaErrorECCUncorrectable", "uncorrectable ECC error encountered"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorIllegalState, "cudaErrorIllegalState",
     "the operation cannot be performed in the present state"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {cudaErrorLaunchTimeout, "cudaErrorLaunchTimeout", "the launch timed out and was terminated"},
    {cudaErrorAssert, "cudaErrorAssert", "device-side assert triggered"},
    {cudaErrorMisalignedAddress, "cudaErrorMisalignedAddress", "misaligned address"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureWrongThread, "cudaErrorStreamCaptureWrongThread",
     "attempt to terminate a thread-local capture sequence from another thread"},
};

const ErrorWords* words_of(cudaError_t error) {
    const auto* const found = std::ranges::find(all_errors, error, &ErrorWords::error);
    return found == std::end(all_errors) ? nullptr : found;
}

}  // namespace

cudaError_t error_named(std::string_view name) {
    for (const ErrorWords& words : all_errors) {
        if (name == words.name) return words.error;
    }
    return cudaSuccess;
}

std::string known_errors() {
    std::string all;
    for (const ErrorWords& words : all_errors) {
        if (words.error != cudaSuccess) all += (all.empty() ? "" : ", ") + std::string(words.name);
    }
    return all;
}

}  // namespace vitrine::simt

const char* cudaGetErrorName(cudaError_t status) {
    const auto* const words = vitrine::simt::words_of(status);
    return words == nullptr ? "unrecognized error code" : words->name;
}

const char* cudaGetErrorString(cudaError_t status) {
    const auto* const words = vitrine::simt::words_of(status);
    return words == nullptr ? "unrecognized error code" : words->sentence;
}
