// Capture and replay: see graphs.h.

#include "kernels/simt/executor/graphs.h"

#include <cstring>
#include <utility>

namespace vitrine::simt {

LaunchNode::LaunchNode(const GridRequest& request)
    : request_(request),
      arguments_((request.argument_bytes + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t)) {
    std::memcpy(arguments_.data(), request.arguments, request.argument_bytes);
}

GridRequest LaunchNode::request() const {
    GridRequest request = request_;
    request.arguments = arguments_.data();
    return request;
}

Captures& Captures::instance() {
    static Captures& captures = *new Captures;
    return captures;
}

cudaError_t Captures::begin(CUstream_st* stream, cudaStreamCaptureMode mode) {
    // The null stream has other streams wait for it, which no graph can hold.
    if (stream == nullptr) return cudaErrorStreamCaptureUnsupported;
    const std::lock_guard lock(mutex_);
    const bool is_new = captures_.try_emplace(stream, Capture{mode, std::this_thread::get_id()}).second;
    return is_new ? cudaSuccess : cudaErrorIllegalState;
}

cudaError_t Captures::end(CUstream_st* stream, CUgraph_st** graph) {
    *graph = nullptr;
    const std::lock_guard lock(mutex_);
    const auto found = captures_.find(stream);
    if (found == captures_.end()) return cudaErrorIllegalState;
    Capture& capture = found->second;
    const bool own_thread = capture.thread == std::this_thread::get_id();
    if (capture.mode != cudaStreamCaptureModeRelaxed && !own_thread) {
        capture.failed = true;
        return cudaErrorStreamCaptureWrongThread;
    }
    if (!capture.failed) *graph = new CUgraph_st{std::move(capture.nodes)};
    captures_.erase(found);
    return *graph != nullptr ? cudaSuccess : cudaErrorStreamCaptureInvalidated;
}

cudaStreamCaptureStatus Captures::status(CUstream_st* stream) const {
    const std::lock_guard lock(mutex_);
    const auto found = captures_.find(stream);
    if (found == captures_.end()) return cudaStreamCaptureStatusNone;
    return found->second.failed ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
}

cudaError_t Captures::add(CUstream_st* stream, GraphNode node) {
    const std::lock_guard lock(mutex_);
    Capture& capture = captures_.at(stream);
    if (capture.failed) return cudaErrorStreamCaptureInvalidated;
    capture.nodes.push_back(std::move(node));
    return cudaSuccess;
}

cudaError_t Captures::refuse(CUstream_st* stream) {
    const std::lock_guard lock(mutex_);
    captures_.at(stream).failed = true;
    return cudaErrorStreamCaptureUnsupported;
}

cudaError_t Captures::at_unsafe_call() {
    const std::lock_guard lock(mutex_);
    bool forbidden = false;
    for (auto& [stream, capture] : captures_) {
        const bool forbids = capture.mode == cudaStreamCaptureModeGlobal ||
                             (capture.mode == cudaStreamCaptureModeThreadLocal &&
                              capture.thread == std::this_thread::get_id());
        capture.failed = capture.failed || forbids;
        forbidden = forbidden || forbids;
    }
    return forbidden ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

}  // namespace vitrine::simt
