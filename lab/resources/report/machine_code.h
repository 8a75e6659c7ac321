// What the instructions of a kernel are: of all of it, and of its main loop.
//
// A multiprocessor's scheduler issues an instruction of a warp a clock at best. So of the time that a kernel is bound by
// its instructions, the share that multiplies is the share of multiply-adds among the instructions of its main loop:
// addresses, conversions, loads and barriers take issue slots as well.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace vitrine::resources {

/// How many instructions there are of a kind. Those in no kind compute addresses, compare, convert, move, branch.
struct InstructionMix {
    int all = 0;
    int multiply_adds = 0;  // FFMA, DFMA
    int tensor = 0;         // HMMA, HGMMA: a warp's product of matrices
    int global_loads = 0;
    int global_stores = 0;
    int copies = 0;  // LDGSTS: cp.async
    int shared_loads = 0;
    int shared_stores = 0;
    int matrix_loads = 0;  // LDSM: ldmatrix
    int local = 0;  // loads and stores of a thread's own memory: arrays that found no registers, or spills
    int barriers = 0;
};

struct MachineCode {
    InstructionMix whole;
    /// Of the loops the one with the most multiply-adds and products of tensor cores, where those of a division do not count:
    /// sixteen divisions that prepare a kernel would have more than its work. A loop that holds others is what is in none of
    /// them, and as they run more often, has to have four times as many products. All of the kernel where nothing is
    /// repeated.
    InstructionMix main_loop;
    /// Where the main loop multiplies without tensor cores: of the loops in it the one that multiplies most with them. Nothing
    /// where there is none.
    InstructionMix tensor_loop;
    /// Bytes that a thread asks for in a load or copy from global memory → how many of these the whole kernel has.
    std::map<int, int> load_bytes;
};

/// The code of a kernel for GPUs of this architecture: 75 and later, where an instruction has 16 bytes.
MachineCode machine_code_of(std::string_view instructions, int architecture);

/// (kernel's symbol, architecture) → its code. Finds nothing in an object whose machine code is compressed.
std::map<std::pair<std::string, int>, MachineCode> machine_codes(std::string_view object);

}  // namespace vitrine::resources
