// Gradients on their way through the tree of shards (shards.h) while the backward pass that makes them goes on.
//
// The state's gradients lie in ranges, those of the last layers first. A range whose parameters have all got their gradients goes
// through the plan, which is what this process has to do with it, and the next one after it: in all processes in the same
// order. To send is mostly to wait: so it is queued beside the device's kernels, or a thread of its own does it where numbers lie in
// the host's memory. Where neither can be, all of it comes after the backward pass.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/step/state.h"
#include "kernels/device_collective.h"

namespace vitrine {

/// One thing that is done with each range of gradients, of tensors as large as the state's.
struct ExchangeTask {
    enum class Kind : unsigned char { add, send, receive, broadcast, sum };
    Kind kind;
    Tensor gradients;   // added to, sent, received, shared out from process 0, or added up over all processes
    Tensor other = {};  // added
    int process = 0;    // to whom, from whom
};

/// Neighbouring parameters whose gradients go together.
struct GradientRange {
    Range elements;
    std::vector<size_t> parameters;  // by index
};

/// All trained parameters in about eight ranges that begin with the last layers, norms and biases at the end: the first layers
/// have some of them.
std::vector<GradientRange> gradient_ranges(const FlatState& state);

class GradientExchange {
  public:
    /// State and processes must outlive it, and nobody else may talk to the processes until finish() has returned.
    GradientExchange(const FlatState& state, DeviceCollective& processes, std::vector<ExchangeTask> plan);
    /// Gives up what is not finished: the processes are of no use then.
    ~GradientExchange();
    GradientExchange(const GradientExchange&) = delete;
    GradientExchange& operator=(const GradientExchange&) = delete;

    /// The backward pass has put its last contribution into this slot.
    void finished(const GradientSlot* slot);
    /// The backward pass has ended: waits until all ranges are through, or queued (DeviceCollective). Throws what the processes threw.
    void finish();

  private:
    void run();
    bool wait_for(size_t range);
    void pass_on(const GradientRange& range);
    void queue_finished();
    void do_task(const ExchangeTask& task, const GradientRange& range) const;
    void add(const ExchangeTask& task, const GradientRange& range) const;
    void add_on_host(const ExchangeTask& task, const GradientRange& range) const;

    const FlatState& state_;
    DeviceCollective& processes_;
    std::vector<ExchangeTask> plan_;
    std::vector<GradientRange> ranges_;
    std::unordered_map<const GradientSlot*, size_t> range_of_;
    size_t next_ = 0;  // range that has not been passed on

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<size_t> missing_;  // gradients of each range that backward has not finished
    bool given_up_ = false;
    std::exception_ptr failure_;
    std::thread thread_;  // last: it uses all the others
};

}  // namespace vitrine
