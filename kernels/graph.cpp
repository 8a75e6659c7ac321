// Graphs of any device: see graph.h.

#include "kernels/graph.h"

#include <fmt/format.h>

#include "kernels/error.h"
#include "kernels/runtime.h"

namespace vitrine {

const char* graph_problem(Device device) { return runtime(device).graphs.problem; }

Graph::Graph(Device device, void* graph, uint64_t kernels)
    : device_(device), graph_(graph, runtime(device).graphs.release), kernels_(kernels) {}

void Graph::launch() const { runtime(device_).graphs.launch(graph_.get(), kernels_); }

GraphCapture::GraphCapture(Device device) : device_(device) {
    if (const char* problem = graph_problem(device))
        throw Error(fmt::format("device {}: {}", name_of(device), problem));
    runtime(device).graphs.begin();
}

GraphCapture::~GraphCapture() {
    if (!ended_) runtime(device_).graphs.abandon();
}

Graph GraphCapture::end() {
    ended_ = true;
    uint64_t kernels = 0;
    void* const graph = runtime(device_).graphs.end(kernels);
    return {device_, graph, kernels};
}

}  // namespace vitrine
