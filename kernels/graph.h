// Work of a device that is written down once and done as often as wanted, with a single launch.
//
//     GraphCapture capture(device);
//     …                                  // kernels are called, and do not run
//     const Graph graph = capture.end();
//     graph.launch();                    // now they do
//
// Arguments are those of the capture, addresses too: the memory must stay where it is as long as the graph is launched,
// and numbers that change must lie in it (kernels/step_settings.h).
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/device.h"

namespace vitrine {

/// Why nothing can be captured on the device, as a clause; null where it can be.
const char* graph_problem(Device device);

class Graph {
  public:
    /// In the order of the device's other work. Returns at once.
    void launch() const;
    /// Kernels that one launch runs.
    uint64_t kernels() const { return kernels_; }

  private:
    friend class GraphCapture;
    Graph(Device device, void* graph, uint64_t kernels);

    Device device_;
    std::shared_ptr<void> graph_;
    uint64_t kernels_;
};

/// While it lives, the device's kernels, copies on the device and zeros are written down. Whatever would wait for the device
/// or allocate its memory, and copies from the host, throw Error. One at a time, and on the thread that drives
/// the device.
class GraphCapture {
  public:
    /// Throws Error where graph_problem() is not null.
    explicit GraphCapture(Device device);
    /// Forgets what was written down, unless end() has been called.
    ~GraphCapture();
    GraphCapture(const GraphCapture&) = delete;
    GraphCapture& operator=(const GraphCapture&) = delete;

    /// Once. Throws Error where something of it cannot be part of a graph.
    Graph end();

  private:
    Device device_;
    bool ended_ = false;
};

}  // namespace vitrine
