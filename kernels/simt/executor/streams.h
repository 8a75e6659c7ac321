// Streams and events of the simt device: copies that were asked for and have not happened yet.
//
// A GPU copies some time after the call, and the host that counts on less is wrong. Here a copy happens at
// the latest moment that the order of its stream allows: when the host waits for it or for something behind
// it, or when a kernel is launched behind it. A copy from pinned memory reads its source only then; one from
// other memory has its source read at the call, as CUDA promises.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace vitrine::simt {

/// A copy, or zeros, that a stream was asked for.
struct PendingCopy {
    void* to = nullptr;
    const void* from = nullptr;  // null: zeros, or `staged`
    size_t bytes = 0;
    std::vector<unsigned char> staged{};  // what a source in ordinary memory held at the call
};

}  // namespace vitrine::simt

struct CUstream_st {
    std::deque<vitrine::simt::PendingCopy> pending{};
    uint64_t asked = 0;  // copies, in all
};

/// What its stream was asked for before it was recorded.
struct CUevent_st {
    CUstream_st* stream = nullptr;  // null: it was never recorded
    uint64_t asked = 0;
    bool after_failure = false;  // the device had failed by then
    bool timed = true;           // made to tell the time
    std::chrono::steady_clock::time_point recorded{};
};

namespace vitrine::simt {

/// All streams of the process. Any thread may call. A null stream is one like the others.
class Streams {
  public:
    static Streams& instance();

    CUstream_st* create_stream();
    CUevent_st* create_event(bool timed);
    void destroy(CUevent_st* event);

    void ask(CUstream_st* stream, PendingCopy copy);
    void record(CUevent_st* event, CUstream_st* stream, bool after_failure);

    /// Carries out everything that the stream was asked for; what came before the event; everything of all
    /// streams.
    void finish(CUstream_st* stream);
    void finish(const CUevent_st* event);
    void finish_all();
    /// Forgets everything that has not happened: a device that has failed copies nothing any more.
    void drop_all();

    /// Memory of the host that copies read and write by themselves (cudaMallocHost).
    void* allocate_pinned(size_t bytes);
    /// False if there is no such memory.
    bool release_pinned(void* memory);
    bool is_pinned(const void* memory, size_t bytes) const;

  private:
    Streams() { streams_.push_back(std::make_unique<CUstream_st>()); }
    CUstream_st& known(CUstream_st* stream) { return stream == nullptr ? *streams_.front() : *stream; }
    void carry_out(CUstream_st& stream, uint64_t until);

    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<CUstream_st>> streams_;  // the first is the null stream
    std::vector<std::unique_ptr<CUevent_st>> events_;
    struct Pinned {
        std::unique_ptr<unsigned char[]> memory;
        size_t bytes;
    };
    std::map<uintptr_t, Pinned> pinned_;
};

}  // namespace vitrine::simt
