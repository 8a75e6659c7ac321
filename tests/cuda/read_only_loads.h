// Loads that a GPU may take past its coherent caches (ld.global.nc): does the same kernel write what they
// read?
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vitrine::ptx {

struct ReadOnlyLoads {
    int kernels = 0;
    int loads = 0;                      // ld.global.nc in them
    std::vector<std::string> problems;  // a sentence each, which names the kernel and the line
};

/// Follows every such load, and in kernels with such loads every write to global memory, back to where its
/// address comes from: the kernel's parameter (of a structure: the member), a pointer that was loaded from
/// there, or a global variable. It is a problem if both may come from the same place, or if one cannot be
/// followed. A number that is added to addresses counts as a place, too, unless it was multiplied first: a
/// right kernel may be complained of, a wrong one is not passed over.
ReadOnlyLoads check_read_only_loads(std::string_view ptx);

}  // namespace vitrine::ptx
