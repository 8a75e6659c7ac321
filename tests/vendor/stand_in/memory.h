// Whose memory a pointer is: the libraries take tensors of the device and scaling factors of the host.
#pragma once

#include <cstddef>
#include <string>

namespace vitrine::stand_in {

/// What is wrong with memory that should hold so many bytes of the simt device, in one live buffer, aligned
/// so that its address is a multiple of `alignment`; empty if nothing is.
std::string wrong_device_memory(const void* memory, size_t bytes, size_t alignment, const std::string& what);

/// What is wrong with a scaling factor or a result that lies in the host's memory.
std::string wrong_host_memory(const void* memory, const std::string& what);

/// Whether two stretches of memory share a byte.
bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes);

/// A library's scratch memory holds anything after a call: NaN.
void scribble(void* memory, size_t bytes);

}  // namespace vitrine::stand_in
