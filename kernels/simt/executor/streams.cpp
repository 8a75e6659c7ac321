// What happens at the latest moment: see streams.h.

#include "kernels/simt/executor/streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "kernels/simt/executor/device_memory.h"

namespace vitrine::simt {
namespace {

void carry_out(const PendingCopy& copy) {
    const DeviceMemory::Open open;
    if (!copy.staged.empty()) {
        std::memcpy(copy.to, copy.staged.data(), copy.bytes);
    } else if (copy.from != nullptr) {
        std::memmove(copy.to, copy.from, copy.bytes);
    } else {
        std::memset(copy.to, 0, copy.bytes);
    }
}

uint64_t done(const CUstream_st& stream) { return stream.asked - stream.pending.size(); }

bool is_copy(const PendingWork& work) { return work.kind == PendingWork::Kind::copy; }

void touch(CUstream_st& stream, std::span<const uintptr_t> buffers) {
    for (const uintptr_t buffer : buffers) stream.touched[buffer] = stream.asked;
}

void take_over(Waited& mine, const Waited& theirs) {
    for (const auto& [stream, asked] : theirs) mine[stream] = std::max(mine[stream], asked);
}

uint64_t of_stream(const Waited& waited, const CUstream_st* stream) {
    const auto found = waited.find(stream);
    return found == waited.end() ? 0 : found->second;
}

}  // namespace

void add_buffer_of(const void* memory, std::vector<uintptr_t>& buffers) {
    const auto address = reinterpret_cast<uintptr_t>(memory);
    const DeviceMemory& device = DeviceMemory::instance();
    if (device.contains(address) && device.live(address, 1))
        buffers.push_back(device.buffer_of(address).begin);
}

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

void Streams::ask(CUstream_st& stream, PendingWork work) {
    stream.pending.push_back(std::move(work));
    ++stream.asked;
}

void Streams::ask(CUstream_st* stream, PendingCopy copy) {
    std::vector<uintptr_t> buffers;
    for (const void* memory : {static_cast<const void*>(copy.to), copy.from}) add_buffer_of(memory, buffers);
    const std::lock_guard lock(mutex_);
    ask(known(stream), {PendingWork::Kind::copy, [copy = std::move(copy)] {
                            simt::carry_out(copy);
                            return true;
                        }});
    touch(known(stream), buffers);
}

void Streams::ask_library(CUstream_st* stream, std::function<bool()> go_on) {
    const std::lock_guard lock(mutex_);
    ask(known(stream), {PendingWork::Kind::library, std::move(go_on)});
    known(stream).touched_any = known(stream).asked;
}

void Streams::ask_launch(CUstream_st* stream, std::function<void()> run, std::span<const uintptr_t> buffers) {
    const std::lock_guard lock(mutex_);
    ask(known(stream), {PendingWork::Kind::launch, [run = std::move(run)] {
                            run();
                            return true;
                        }});
    touch(known(stream), buffers);
}

bool Streams::begin_launch(CUstream_st* stream, std::span<const uintptr_t> buffers) {
    const std::lock_guard lock(mutex_);
    CUstream_st& launched = known(stream);
    if (!std::ranges::all_of(launched.pending, is_copy)) return false;
    carry_out(launched, launched.asked, Patience::endless);
    ++launched.asked;
    touch(launched, buffers);
    return true;
}

void Streams::record(CUevent_st* event, CUstream_st* stream, bool after_failure) {
    const std::lock_guard lock(mutex_);
    event->stream = &known(stream);
    event->asked = event->stream->asked;
    event->waited = event->stream->waited;
    event->after_failure = after_failure;
    event->recorded = std::chrono::steady_clock::now();
}

void Streams::wait(CUstream_st* stream, const CUevent_st* event) {
    const std::lock_guard lock(mutex_);
    if (event->stream == nullptr) return;
    CUstream_st& waiting = known(stream);
    take_over(waiting.waited, event->waited);
    take_over(waiting.waited, {{event->stream, event->asked}});
    if (done(*event->stream) >= event->asked || event->stream == &waiting) return;
    ask(waiting, {PendingWork::Kind::wait, {}, event->stream, event->asked});
}

bool Streams::carry_out(CUstream_st& stream, uint64_t until, Patience patience) {
    while (done(stream) < until) {
        PendingWork work = std::move(stream.pending.front());
        // A launch may throw, and is not to run again.
        const bool once = work.kind == PendingWork::Kind::launch;
        if (once) stream.pending.pop_front();
        const bool whole = carry_out(work, patience);
        if (!whole) stream.pending.front() = std::move(work);
        if (!whole) return false;
        if (!once) stream.pending.pop_front();
    }
    return true;
}

bool Streams::carry_out(const PendingWork& work, Patience patience) {
    if (work.kind == PendingWork::Kind::wait) return carry_out(*work.awaited, work.until, patience);
    if (work.kind != PendingWork::Kind::library) return work.go_on();
    const DeviceMemory::Open open;
    while (!work.go_on()) {
        if (patience == Patience::none) return false;
        std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
    return true;
}

void Streams::carry_out(CUstream_st* stream) {
    const std::lock_guard lock(mutex_);
    CUstream_st& carried = known(stream);
    carry_out(carried, carried.asked, Patience::endless);
}

void Streams::finish_by_host(CUstream_st& stream, uint64_t until) {
    carry_out(stream, until, Patience::endless);
    take_over(waited_by_host_, {{&stream, until}});
}

void Streams::finish(CUstream_st* stream) {
    const std::lock_guard lock(mutex_);
    finish_by_host(known(stream), known(stream).asked);
}

void Streams::finish(const CUevent_st* event) {
    const std::lock_guard lock(mutex_);
    if (event->stream != nullptr) finish_by_host(*event->stream, event->asked);
}

void Streams::finish_all() {
    const std::lock_guard lock(mutex_);
    for (const auto& stream : streams_) finish_by_host(*stream, stream->asked);
}

bool Streams::has_happened(const CUevent_st* event) {
    const std::lock_guard lock(mutex_);
    if (event->stream == nullptr) return true;
    if (!carry_out(*event->stream, event->asked, Patience::none)) return false;
    finish_by_host(*event->stream, event->asked);
    return true;
}

std::string Streams::unordered(CUstream_st* stream, uintptr_t buffer) const {
    const std::lock_guard lock(mutex_);
    const CUstream_st& asking = known(stream);
    for (const auto& other : streams_) {
        if (other.get() == &asking) continue;
        const uint64_t waited =
            std::max(of_stream(asking.waited, other.get()), of_stream(waited_by_host_, other.get()));
        const auto found = other->touched.find(buffer);
        const uint64_t touched =
            std::max(other->touched_any, found == other->touched.end() ? 0 : found->second);
        if (waited < touched)
            return fmt::format(
                "its stream does not wait for the last {} things that another was asked for, and of those "
                "some are about the same memory",
                other->asked - waited);
    }
    return "";
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
