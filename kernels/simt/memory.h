// The simt device's memory: its own address range, apart from the host's, with poison and canaries.
//
// A buffer begins at a multiple of 256 bytes, like CUDA's, between canaries of at least 256 bytes. Fresh
// memory is full of 0xFF bytes: NaN as float or double, -1 as int. The host may touch it only by these
// functions; kernels may touch only live buffers. The functions have the signatures of vitrine::Runtime and
// may be called by any thread.
#pragma once

#include <cstddef>

namespace vitrine::simt {

/// Throws Error if there is no room, saying how much was asked for and held.
void* allocate(size_t bytes);

/// Throws Error if the buffer's canaries are broken, std::logic_error if there is no such buffer.
void release(void* memory);

/// Each throws Error if the device's side is not inside of one live buffer.
void copy_from_host(void* to, const void* from_host, size_t bytes);
void copy_to_host(void* to_host, const void* from, size_t bytes);
void copy(void* to, const void* from, size_t bytes);
void zero(void* memory, size_t bytes);

}  // namespace vitrine::simt
