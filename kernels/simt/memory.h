// The simt device's memory: its own address range, apart from the host's, with poison and canaries.
//
// A buffer begins at a multiple of 256 bytes, like CUDA's, between canaries of at least 256 bytes. Fresh
// memory is full of 0xFF bytes: NaN as float or double, -1 as int. The host may touch it only by these
// functions; kernels may touch only live buffers. Whatever else touches it ends the program, with a sentence
// that names the buffer. The functions have the signatures of vitrine::Runtime and may be called by any
// thread.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

struct CUstream_st;  // cudaStream_t points to one

namespace vitrine::simt {

/// Throws Error if there is no room, saying how much was asked for and held.
void* allocate(size_t bytes);

/// Throws Error if the buffer's canaries are broken, std::logic_error if there is no such buffer.
void release(void* memory);

/// Complete on return, after everything that any stream was asked for before. Each throws Error if the
/// device's side is not inside of one live buffer.
void copy_from_host(void* to, const void* from_host, size_t bytes);
void copy_to_host(void* to_host, const void* from, size_t bytes);
void copy(void* to, const void* from, size_t bytes);
void zero(void* memory, size_t bytes);

/// For the functions of a library that stands in for cuDNN or cuBLAS and computes on the host: while one
/// lives, the code may touch the device's memory by plain pointers, as a kernel that was launched on the
/// stream could. What the stream was asked for before is carried out first. A library is not observed: which
/// of the bytes it may touch is its own business.
class LibraryCall {
  public:
    explicit LibraryCall(CUstream_st* stream);
    ~LibraryCall();
    LibraryCall(const LibraryCall&) = delete;
    LibraryCall& operator=(const LibraryCall&) = delete;
};

/// For a library that stands in for NCCL: what the stream is asked for now, and what may have to wait for another process. `go_on`
/// is called in the stream's turn, again and again, until it is true, and may touch the device's memory meanwhile. Kernels that
/// are launched behind it run behind it.
void ask_for_library_work(CUstream_st* stream, std::function<bool()> go_on);

/// Whether what this stream is asked for now, about the buffer that holds this memory, could happen before something that other streams
/// were asked for about the same buffer, and nobody has waited for: a sentence, or nothing. What a kernel is about is told by the
/// pointers among its arguments.
std::string unordered(CUstream_st* stream, const void* memory);

}  // namespace vitrine::simt
