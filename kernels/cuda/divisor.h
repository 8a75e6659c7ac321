// Division by a number that a whole launch shares, as a multiplication.
//
// A GPU has no instruction that divides integers: n / d is some 20 instructions, n / Divisor is 3. Kernels
// that turn an index into (image, row, column) or (tap, channel) inside of a loop take their divisors ready
// made.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// n / d = ((n · magic) / 2³² + n) / 2^shift, with shift = ⌈log2 d⌉ and magic = ⌊2³² · (2^shift − d) / d⌋ +
/// 1, is exact for 0 ≤ n < 2³¹ and 1 ≤ d < 2³¹. Source: Granlund and Montgomery, 1994.
class Divisor {
  public:
    Divisor() = default;  // divides by 1
    explicit Divisor(int64_t divisor) : divisor_(static_cast<int>(divisor)) {
        while ((int64_t{1} << shift_) < divisor) ++shift_;
        const uint64_t excess = static_cast<uint64_t>((int64_t{1} << shift_) - divisor);
        magic_ = static_cast<unsigned>((excess << 32) / static_cast<uint64_t>(divisor) + 1);
    }

    __device__ __forceinline__ int divide(int n) const {
        const unsigned whole = static_cast<unsigned>(n);
        return static_cast<int>((__umulhi(whole, magic_) + whole) >> shift_);
    }
    /// n − n / d · d, for a quotient that is known already.
    __device__ __forceinline__ int rest(int n, int quotient) const { return n - quotient * divisor_; }

  private:
    int divisor_ = 1;
    unsigned magic_ = 1;
    int shift_ = 0;
};

}  // namespace vitrine::VITRINE_GPU
