// Copies at the latest moment: see streams.h.

#include "kernels/simt/executor/streams.h"

#include <cstring>

#include "kernels/simt/executor/device_memory.h"

namespace vitrine::simt {
namespace {

void carry_out(const PendingCopy& copy) {
    if (!copy.staged.empty()) {
        std::memcpy(copy.to, copy.staged.data(), copy.bytes);
    } else if (copy.from != nullptr) {
        std::memmove(copy.to, copy.from, copy.bytes);
    } else {
        std::memset(copy.to, 0, copy.bytes);
    }
}

}  // namespace

Streams& Streams::instance() {
    // Never destroyed, as the memory that it copies to and from.
    static Streams& streams = *new Streams;
    return streams;
}

CUstream_st* Streams::create_stream() {
    const std::lock_guard lock(mutex_);
    return streams_.emplace_back(std::make_unique<CUstream_st>()).get();
}

CUevent_st* Streams::create_event(bool timed) {
    const std::lock_guard lock(mutex_);
    return events_.emplace_back(std::make_unique<CUevent_st>(CUevent_st{.timed = timed})).get();
}

void Streams::destroy(CUevent_st* event) {
    const std::lock_guard lock(mutex_);
    std::erase_if(events_, [&](const auto& known_event) { return known_event.get() == event; });
}

void Streams::ask(CUstream_st* stream, PendingCopy copy) {
    const std::lock_guard lock(mutex_);
    CUstream_st& asked = known(stream);
    asked.pending.push_back(std::move(copy));
    ++asked.asked;
}

void Streams::record(CUevent_st* event, CUstream_st* stream, bool after_failure) {
    const std::lock_guard lock(mutex_);
    event->stream = &known(stream);
    event->asked = event->stream->asked;
    event->after_failure = after_failure;
    event->recorded = std::chrono::steady_clock::now();
}

void Streams::carry_out(CUstream_st& stream, uint64_t until) {
    const auto done = [&] { return stream.asked - stream.pending.size(); };
    if (done() >= until) return;
    const DeviceMemory::Open open;
    for (; done() < until; stream.pending.pop_front()) simt::carry_out(stream.pending.front());
}

void Streams::finish(CUstream_st* stream) {
    const std::lock_guard lock(mutex_);
    CUstream_st& finished = known(stream);
    carry_out(finished, finished.asked);
}

void Streams::finish(const CUevent_st* event) {
    const std::lock_guard lock(mutex_);
    if (event->stream != nullptr) carry_out(*event->stream, event->asked);
}

void Streams::finish_all() {
    const std::lock_guard lock(mutex_);
    for (const auto& stream : streams_) carry_out(*stream, stream->asked);
}

void Streams::drop_all() {
    const std::lock_guard lock(mutex_);
    for (const auto& stream : streams_) stream->pending.clear();
}

void* Streams::allocate_pinned(size_t bytes) {
    auto memory = std::make_unique_for_overwrite<unsigned char[]>(bytes);
    void* const address = memory.get();
    const std::lock_guard lock(mutex_);
    pinned_.emplace(reinterpret_cast<uintptr_t>(address), Pinned{std::move(memory), bytes});
    return address;
}

bool Streams::release_pinned(void* memory) {
    const std::lock_guard lock(mutex_);
    return pinned_.erase(reinterpret_cast<uintptr_t>(memory)) != 0;
}

bool Streams::is_pinned(const void* memory, size_t bytes) const {
    const std::lock_guard lock(mutex_);
    const auto address = reinterpret_cast<uintptr_t>(memory);
    const auto after = pinned_.upper_bound(address);
    if (after == pinned_.begin()) return false;
    const auto& [begin, held] = *std::prev(after);
    return address - begin < held.bytes && bytes <= held.bytes - (address - begin);
}

}  // namespace vitrine::simt
