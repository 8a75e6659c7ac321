// Names for addresses, from this program's own symbol table and debug information: kernels, source lines, and
// the variables that live in each OS thread, among which are the kernels' static __shared__ ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace vitrine::simt {

/// "tiled_gemm<float>", without namespaces and arguments; its address in hexadecimal if the program is
/// stripped. Of a variable: its name.
std::string function_name(const void* function);

/// The line of the instruction before a return address; "0x…" without debug information. Inside of a CUDA word
/// (kernels/simt) it is the line that uses the word.
///
/// Where that line stands in a helper that was inlined, the kernel's own line is named behind it:
/// "kernels/cuda/gpu.h:60 (called from kernels/cuda/add.cu:31)". Of the calls that led there it is the innermost that
/// stands in a .cu file; if none does (a kernel written in a header), the innermost in the file of the function that
/// was not inlined.
std::string source_line(uintptr_t return_address);
std::string source_line(const std::source_location& location);

/// The same from the kernel's own line inwards: "kernels/cuda/add.cu:31 > gpu.h:60".
std::string source_way(uintptr_t return_address);

/// A thread_local variable of a function of this program.
struct SharedVariable {
    size_t offset;  // from the beginning of the OS thread's block of such variables
    size_t bytes;
    std::string
        name;  // as written in the source; empty for the compiler's own note that a variable is constructed
    std::string symbol;
};

/// Ordered by offset. Empty if the program is stripped: then the checks of static shared memory see nothing.
const std::vector<SharedVariable>& shared_variables();

/// Of the variables that the kernel's own code declares, without those of functions that it calls.
size_t static_shared_bytes(const void* kernel);

struct AddressRange {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    bool holds(uintptr_t address) const { return address - begin < end - begin; }
};

/// This program's code and global variables.
AddressRange program_range();

/// This program's global variables that can be written to.
AddressRange program_variable_range();

/// The block of thread_local variables of this program for the calling OS thread.
AddressRange thread_local_range();

}  // namespace vitrine::simt
