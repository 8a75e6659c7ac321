// Reads the bounds of kernels from the program's own code: __launch_bounds__ (cuda_compat.h) has the compiler put
// as many no-ops before a kernel as it may have threads, and note in a section of its own where they begin.

#include "kernels/simt/executor/launch_bounds.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <unordered_map>
#include <vector>

// Where the section of such notes begins and ends: names that the linker makes.
extern "C" {
extern const uintptr_t __start___patchable_function_entries[];
extern const uintptr_t __stop___patchable_function_entries[];
}

namespace vitrine::simt {
namespace {

/// What one no-op looks like here. This function has one before it; so the section is never missing, either.
__attribute__((patchable_function_entry(1, 1), noinline)) void function_with_a_no_op() { asm volatile(""); }

class NoOps {
  public:
    NoOps() : begins_(__start___patchable_function_entries, __stop___patchable_function_entries) {
        std::ranges::sort(begins_);
        const uintptr_t function = reinterpret_cast<uintptr_t>(&function_with_a_no_op);
        bytes_ = function - begin_before(function);
        std::memcpy(no_op_, reinterpret_cast<const void*>(begin_before(function)), bytes_);
    }

    /// How many there are before a function; 0 where the nearest no-ops are another's.
    unsigned before(uintptr_t function) const {
        const uintptr_t begin = begin_before(function);
        if (begin == 0) return 0;
        for (uintptr_t at = begin; at != function; at += bytes_) {
            if (at > function || std::memcmp(reinterpret_cast<const void*>(at), no_op_, bytes_) != 0)
                return 0;
        }
        return static_cast<unsigned>((function - begin) / bytes_);
    }

  private:
    uintptr_t begin_before(uintptr_t function) const {
        const auto after = std::ranges::lower_bound(begins_, function);
        return after == begins_.begin() ? 0 : after[-1];
    }

    std::vector<uintptr_t> begins_;
    size_t bytes_;
    unsigned char no_op_[16] = {};
};

}  // namespace

unsigned launch_bounds(const void* kernel) {
    static const NoOps no_ops;
    static std::unordered_map<const void*, unsigned> known;  // launches run one at a time
    const auto [bounds, is_new] = known.try_emplace(kernel);
    if (is_new) bounds->second = no_ops.before(reinterpret_cast<uintptr_t>(kernel));
    return bounds->second;
}

}  // namespace vitrine::simt
