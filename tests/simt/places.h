// Helpers in a header, as kernels/cuda has them, and kernels that read and write through them: whose line is it?
#pragma once

#include <string>

namespace vitrine::simt::test {

struct Ways {
    std::string read;        // by two helpers, one in the other
    std::string write;       // by one helper
    std::string own;         // by the kernel itself
    std::string write_line;  // as a finding says it
};

/// What places.cu expects of the source's names for its accesses.
Ways ways();
/// to[lane] = from[lane] by one warp, and a word of shared memory in between.
void copy_through_helpers(const float* from, float* to);
/// Two warps write the same word through a helper.
void race_through_helper(float* to);
/// A kernel that a header holds, and what is expected of its reads.
void copy_by_header(const float* from, float* to);
std::string way_in_header();

}  // namespace vitrine::simt::test
