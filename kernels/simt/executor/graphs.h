// Graphs of the simt device: what a stream was asked for while it was captured, to be done again and again.
//
// A node keeps its arguments by value, as a GPU's graph does: a number that the host passed to a kernel is that of
// the capture in every replay, and an address is that of the capture, whatever has become of the memory since. A
// replay goes through the executor and its checks like launches one by one.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "kernels/simt/host_compat.h"

namespace vitrine::simt {

/// A launch and the bytes of its arguments.
class LaunchNode {
  public:
    explicit LaunchNode(const GridRequest& request);

    /// Valid as long as the node stays where it is.
    GridRequest request() const;

  private:
    GridRequest request_;
    std::vector<std::max_align_t> arguments_;
};

/// A copy, or zeros. Pinned memory of the host is read or written when it is replayed.
struct CopyNode {
    void* to = nullptr;
    const void* from = nullptr;  // null: zeros
    size_t bytes = 0;
    cudaMemcpyKind kind = cudaMemcpyDeviceToDevice;
};

using GraphNode = std::variant<LaunchNode, CopyNode>;

}  // namespace vitrine::simt

struct CUgraph_st {
    std::vector<vitrine::simt::GraphNode> nodes{};  // in the order of the calls
};

struct CUgraphExec_st {
    std::vector<vitrine::simt::GraphNode> nodes{};
};

namespace vitrine::simt {

/// A launch of a graph: run_grid() for what was in the launch log before.
void replay_grid(const GridRequest& request);

/// The streams that are being captured. Any thread may call.
class Captures {
  public:
    static Captures& instance();

    cudaError_t begin(CUstream_st* stream, cudaStreamCaptureMode mode);
    /// Null in `graph` unless it returns cudaSuccess.
    cudaError_t end(CUstream_st* stream, CUgraph_st** graph);
    cudaStreamCaptureStatus status(CUstream_st* stream) const;
    bool captures(CUstream_st* stream) const { return status(stream) != cudaStreamCaptureStatusNone; }

    /// To the stream's graph; the stream must be captured. Fails where its capture has failed before.
    cudaError_t add(CUstream_st* stream, GraphNode node);

    /// What is asked of a stream that is captured cannot be part of a graph: the capture has failed.
    cudaError_t refuse(CUstream_st* stream);
    /// What a call returns that could wait for the device, such as cudaMalloc. Where a capture forbids such
    /// calls to this thread, it has failed now.
    cudaError_t at_unsafe_call();

  private:
    struct Capture {
        cudaStreamCaptureMode mode;
        std::thread::id thread;
        bool failed = false;
        std::vector<GraphNode> nodes{};
    };

    mutable std::mutex mutex_;
    std::map<CUstream_st*, Capture> captures_;
};

}  // namespace vitrine::simt
