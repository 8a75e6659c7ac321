// The host's way to the device's memory: see kernels/simt/memory.h.

#include "kernels/simt/memory.h"

#include <cstring>
#include <utility>

#include "kernels/error.h"
#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/device_status.h"
#include "kernels/simt/executor/graphs.h"
#include "kernels/simt/executor/streams.h"

namespace vitrine::simt {

void* allocate(size_t bytes) { return DeviceMemory::instance().allocate(bytes); }

void release(void* memory) {
    Streams::instance().finish_all();
    DeviceMemory::instance().release(memory);
}

void copy_from_host(void* to, const void* from_host, size_t bytes) {
    DeviceMemory::instance().require(to, bytes, "a copy from the host would write");
    DeviceMemory::instance().require_host(from_host, bytes, "a copy from the host would read");
    Streams::instance().finish_all();
    const DeviceMemory::Open open;
    if (bytes != 0) std::memcpy(to, from_host, bytes);
}

void copy_to_host(void* to_host, const void* from, size_t bytes) {
    DeviceMemory::instance().require(from, bytes, "a copy to the host would read");
    DeviceMemory::instance().require_host(to_host, bytes, "a copy to the host would write");
    Streams::instance().finish_all();
    const DeviceMemory::Open open;
    if (bytes != 0) std::memcpy(to_host, from, bytes);
}

void copy(void* to, const void* from, size_t bytes) {
    DeviceMemory::instance().require(to, bytes, "a copy would write");
    DeviceMemory::instance().require(from, bytes, "a copy would read");
    Streams::instance().finish_all();
    const DeviceMemory::Open open;
    if (bytes != 0) std::memmove(to, from, bytes);
}

void zero(void* memory, size_t bytes) {
    DeviceMemory::instance().require(memory, bytes, "zeroing would write");
    Streams::instance().finish_all();
    const DeviceMemory::Open open;
    if (bytes != 0) std::memset(memory, 0, bytes);
}

LibraryCall::LibraryCall(CUstream_st* stream) {
    if (Captures::instance().captures(stream)) {
        Captures::instance().refuse(stream);
        throw Error("a library's stand-in computes when it is called, and cannot be part of a graph");
    }
    Streams::instance().carry_out(stream);
    DeviceMemory::instance().open();
}
LibraryCall::~LibraryCall() { DeviceMemory::instance().close(); }

void ask_for_library_work(CUstream_st* stream, std::function<bool()> go_on) {
    if (Captures::instance().captures(stream)) {
        Captures::instance().refuse(stream);
        throw Error("a library's stand-in talks to other processes, and cannot be part of a graph");
    }
    if (!DeviceStatus::instance().failed()) Streams::instance().ask_library(stream, std::move(go_on));
}

std::string unordered(CUstream_st* stream, const void* memory) {
    std::vector<uintptr_t> buffers;
    add_buffer_of(memory, buffers);
    return buffers.empty() ? "" : Streams::instance().unordered(stream, buffers.front());
}

}  // namespace vitrine::simt
