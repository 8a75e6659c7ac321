// Streams and events of the simt device: what was asked for and has not happened yet.
//
// A GPU copies some time after the call, and the host that counts on less is wrong. Here a copy happens at
// the latest moment that the order of its stream allows: when the host waits for it or for something behind
// it, or when a kernel is launched behind it. A copy from pinned memory reads its source only then; one from
// other memory has its source read at the call, as CUDA promises.
//
// What a library has put into a stream may wait for another process (ask_for_library_work in memory.h). Kernels behind it, and behind an event that
// comes after it, run when the host waits for them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

struct CUstream_st;

namespace vitrine::simt {

/// A copy, or zeros, that a stream was asked for.
struct PendingCopy {
    void* to = nullptr;
    const void* from = nullptr;  // null: zeros, or `staged`
    size_t bytes = 0;
    std::vector<unsigned char> staged{};  // what a source in ordinary memory held at the call
};

/// Anything that a stream was asked for.
struct PendingWork {
    enum class Kind : unsigned char { copy, library, launch, wait };
    Kind kind;
    std::function<bool()> go_on;  // a part of it by each call; true: all of it is done
    CUstream_st* awaited =
        nullptr;  // wait: another stream, and how many things of those that it was asked for
    uint64_t until = 0;
};

/// How many things each stream was asked for that somebody has waited for.
using Waited = std::map<const CUstream_st*, uint64_t>;

}  // namespace vitrine::simt

struct CUstream_st {
    std::deque<vitrine::simt::PendingWork> pending{};
    uint64_t asked = 0;  // of anything, in all
    vitrine::simt::Waited waited{};
    /// How many things it had been asked for when one was last about this buffer of the device, or about nobody knows which.
    std::map<uintptr_t, uint64_t> touched{};
    uint64_t touched_any = 0;
};

/// What its stream was asked for before it was recorded.
struct CUevent_st {
    CUstream_st* stream = nullptr;  // null: it was never recorded
    uint64_t asked = 0;
    vitrine::simt::Waited waited{};  // by its stream, until then
    bool after_failure = false;      // the device had failed by then
    bool timed = true;               // made to tell the time
    std::chrono::steady_clock::time_point recorded{};
};

namespace vitrine::simt {

/// Adds the live buffer of the device that holds this byte, by its first one, if there is one.
void add_buffer_of(const void* memory, std::vector<uintptr_t>& buffers);

/// All streams of the process. Any thread may call. A null stream is one like the others.
class Streams {
  public:
    static Streams& instance();

    CUstream_st* create_stream();
    CUevent_st* create_event(bool timed);
    void destroy(CUevent_st* event);

    void ask(CUstream_st* stream, PendingCopy copy);
    /// A part of it is done by each call of `go_on`; true: all of it.
    void ask_library(CUstream_st* stream, std::function<bool()> go_on);
    /// `buffers`: those of the device that it may touch, by their first bytes.
    void ask_launch(CUstream_st* stream, std::function<void()> run, std::span<const uintptr_t> buffers);
    void record(CUevent_st* event, CUstream_st* stream, bool after_failure);
    /// What the stream is asked for from now on comes behind what came before the event.
    void wait(CUstream_st* stream, const CUevent_st* event);

    /// Before a kernel runs at its launch: the copies in front of it. False where it cannot run yet, and has to be asked for.
    bool begin_launch(CUstream_st* stream, std::span<const uintptr_t> buffers);
    /// Carries out everything that the stream was asked for, for who is behind it there.
    void carry_out(CUstream_st* stream);

    // The host waits:

    /// For everything that the stream was asked for; what came before the event; everything of all streams.
    void finish(CUstream_st* stream);
    void finish(const CUevent_st* event);
    void finish_all();
    /// Not even for what came before the event: whether it has happened.
    bool has_happened(const CUevent_st* event);

    /// Whether what this stream is asked for now, about this buffer, could happen before something that other streams were asked
    /// for, about the same: a sentence, or nothing.
    std::string unordered(CUstream_st* stream, uintptr_t buffer) const;

    /// Forgets everything that has not happened: a device that has failed copies nothing any more.
    void drop_all();

    /// Memory of the host that copies read and write by themselves (cudaMallocHost).
    void* allocate_pinned(size_t bytes);
    /// False if there is no such memory.
    bool release_pinned(void* memory);
    bool is_pinned(const void* memory, size_t bytes) const;

  private:
    enum class Patience : unsigned char { endless, none };

    Streams() { streams_.push_back(std::make_unique<CUstream_st>()); }
    CUstream_st& known(CUstream_st* stream) const { return stream == nullptr ? *streams_.front() : *stream; }
    bool carry_out(CUstream_st& stream, uint64_t until, Patience patience);
    bool carry_out(const PendingWork& work, Patience patience);
    static void ask(CUstream_st& stream, PendingWork work);
    void finish_by_host(CUstream_st& stream, uint64_t until);

    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<CUstream_st>> streams_;  // the first is the null stream
    std::vector<std::unique_ptr<CUevent_st>> events_;
    Waited waited_by_host_;
    struct Pinned {
        std::unique_ptr<unsigned char[]> memory;
        size_t bytes;
    };
    std::map<uintptr_t, Pinned> pinned_;
};

}  // namespace vitrine::simt
