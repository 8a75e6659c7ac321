// What one kernel takes of one GPU architecture, as the compiler says.
#pragma once

#include <optional>
#include <string>

#include "lab/resources/report/machine_code.h"

namespace vitrine::resources {

struct KernelResources {
    std::string file;      // the kernel file, such as add.cu
    std::string symbol;    // the mangled name
    int architecture = 0;  // 75 for compute capability 7.5

    int registers = 0;          // of each thread
    int spill_store_bytes = 0;  // of each thread: registers that did not fit and went to memory
    int spill_load_bytes = 0;
    int stack_bytes = 0;     // of each thread
    int shared_bytes = 0;    // of each block, static
    int constant_bytes = 0;  // arguments and constants
    int barriers = 0;
    int block_threads = 0;  // the most that a block may have (__launch_bounds__); 0: not known

    std::optional<MachineCode> code;  // none: the object's machine code is compressed

    bool spills() const { return spill_store_bytes > 0 || spill_load_bytes > 0; }
};

/// The kernel's name as in the source, without namespaces, return type and parameters: add_packs<float>.
std::string short_name(const std::string& symbol);

}  // namespace vitrine::resources
