// The instruction sets that the cpu device's kernels are compiled for (README.md), of which a process takes the best that its
// processor has.
#pragma once

#include <string>
#include <vector>

namespace vitrine::cpu {

/// Those that this processor has, the best first: "avx512", "avx2" and "baseline", which every processor has: plain C++, or SSE2 with
/// a newer Highway. On other processors than x86 Highway's names.
std::vector<std::string> instruction_sets();

/// From now on the kernels of this process use none that is better than this one of instruction_sets(), so that what other
/// processors run can be proven on this one. To be called before any kernel: some remember what they have asked of the processor.
void use_instruction_set(const std::string& name);

}  // namespace vitrine::cpu
