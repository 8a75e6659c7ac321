// The pinned memory that copies from the host go through: a ring.
//
//     0 ──────────────────────────────────────────────────────────── capacity
//     … newest │ free                │ oldest under way │ under way │ newest …
//              next_
//
// The caller's bytes are copied here, so that its memory is free as soon as the call returns, and the GPU fetches them when its
// stream has come so far. The host waits only where there is no room: a step sends a dozen of small arrays, and
// with them the host may be many steps ahead. Two buffers in turn, however large, would hold it two copies ahead.
#pragma once

#include <cstring>
#include <deque>
#include <vector>

#include "kernels/cuda/runtime.h"

namespace vitrine::VITRINE_GPU {

class StagingRing {
  public:
    void send(void* to, const void* from_host, size_t bytes, cudaStream_t stream) {
        auto* target = static_cast<unsigned char*>(to);
        auto* source = static_cast<const unsigned char*>(from_host);
        while (bytes > 0) {
            const size_t part = bytes < largest ? bytes : largest;
            send_part(target, source, part, stream);
            target += part;
            source += part;
            bytes -= part;
        }
    }

  private:
    static constexpr size_t capacity = size_t{16} << 20;
    static constexpr size_t largest =
        capacity / 2;  // the host fills one half while the GPU fetches the other
    static constexpr size_t alignment = 256;
    static constexpr size_t most_flights = 256;  // an event each

    /// Bytes that the GPU has not been seen to have fetched.
    struct Flight {
        size_t begin, end;
        cudaEvent_t fetched;
        uint64_t launches;  // before it
    };

    void send_part(void* to, const void* from_host, size_t bytes, cudaStream_t stream) {
        const size_t begin = room_for(bytes);
        std::memcpy(memory_ + begin, from_host, bytes);
        VITRINE_CUDA(cudaMemcpyAsync(to, memory_ + begin, bytes, cudaMemcpyHostToDevice, stream));
        const cudaEvent_t fetched = free_event();
        VITRINE_CUDA(cudaEventRecord(fetched, stream));
        next_ = (begin + bytes + alignment - 1) / alignment * alignment;
        flights_.push_back({begin, next_, fetched, launch_log().count()});
    }

    /// Where it begins. Waits for whatever is under way there.
    size_t room_for(size_t bytes) {
        if (memory_ == nullptr) {
            void* memory = nullptr;
            VITRINE_CUDA(cudaMallocHost(&memory, capacity));
            memory_ = static_cast<unsigned char*>(memory);
        }
        if (next_ + bytes > capacity) {
            while (!flights_.empty() && flights_.front().begin >= next_) await_oldest();  // of the last round
            next_ = 0;
        }
        const auto in_the_way = [&](const Flight& flight) {
            return flight.begin < next_ + bytes && flight.end > next_;
        };
        while (!flights_.empty() && (in_the_way(flights_.front()) || flights_.size() == most_flights))
            await_oldest();
        return next_;
    }

    void await_oldest() {
        const Flight& oldest = flights_.front();
        VITRINE_CUDA(cudaEventSynchronize(oldest.fetched));
        launch_log().complete(oldest.launches);
        free_events_.push_back(oldest.fetched);
        flights_.pop_front();
    }

    cudaEvent_t free_event() {
        cudaEvent_t event = nullptr;
        if (free_events_.empty()) {
            VITRINE_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
        } else {
            event = free_events_.back();
            free_events_.pop_back();
        }
        return event;
    }

    unsigned char* memory_ = nullptr;
    size_t next_ = 0;             // the first byte behind the newest flight
    std::deque<Flight> flights_;  // the oldest first
    std::vector<cudaEvent_t> free_events_;
};

}  // namespace vitrine::VITRINE_GPU
