// Pinned memory that callers fill themselves, so that their bytes are copied once, by the GPU: the loader's batches.
//
// A block may be filled again when the GPU has fetched what it was last asked to, which an event of the block's own tells.
// Any thread may fill, wait and release: those that fill are not the one that drives the device.
#pragma once

#include <map>
#include <mutex>

#include "kernels/cuda/runtime.h"

namespace vitrine::VITRINE_GPU {

class PinnedBlocks {
  public:
    /// On the GPU that the process has chosen, which a new thread knows nothing of. Null where the host has no more of it.
    void* allocate(size_t bytes, int gpu) {
        void* memory = nullptr;
        if (cudaSetDevice(gpu) != cudaSuccess || cudaMallocHost(&memory, bytes) != cudaSuccess) {
            static_cast<void>(cudaGetLastError());  // else the next launch would report it
            return nullptr;
        }
        const std::lock_guard lock(mutex_);
        fetched_[memory] = nullptr;
        return memory;
    }

    /// Called by destructors, also when the driver has gone.
    void release(void* memory) {
        if (memory == nullptr) return;
        const cudaEvent_t fetched = event_of(memory);
        if (fetched != nullptr) {
            static_cast<void>(cudaEventSynchronize(fetched));
            static_cast<void>(cudaEventDestroy(fetched));
        }
        static_cast<void>(cudaFreeHost(memory));
        const std::lock_guard lock(mutex_);
        fetched_.erase(memory);
    }

    /// When the stream has come so far.
    void send(void* to, const void* memory, size_t first, size_t bytes, cudaStream_t stream) {
        if (bytes == 0) return;
        const auto* from = static_cast<const unsigned char*>(memory) + first;
        VITRINE_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream));
        cudaEvent_t fetched = event_of(memory);
        if (fetched == nullptr) {
            VITRINE_CUDA(cudaEventCreateWithFlags(&fetched, cudaEventDisableTiming));
            const std::lock_guard lock(mutex_);
            fetched_.at(memory) = fetched;
        }
        VITRINE_CUDA(cudaEventRecord(fetched, stream));
    }

    void wait(const void* memory) const {
        const cudaEvent_t fetched = event_of(memory);
        if (fetched != nullptr) VITRINE_CUDA(cudaEventSynchronize(fetched));
    }

  private:
    /// Null: the GPU was never asked to fetch anything of it.
    cudaEvent_t event_of(const void* memory) const {
        const std::lock_guard lock(mutex_);
        const auto found = fetched_.find(memory);
        return found == fetched_.end() ? nullptr : found->second;
    }

    mutable std::mutex mutex_;
    std::map<const void*, cudaEvent_t> fetched_;  // of each block
};

}  // namespace vitrine::VITRINE_GPU
