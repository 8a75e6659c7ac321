// The forward pass of a batch norm without a pass over its input: for normalize itself, and for convolutions that it follows.
#pragma once

#include <optional>

#include "engine/ops/ops.h"
#include "kernels/norms_behind.h"

namespace vitrine::ops {

/// Memory for the numbers of a norm.
inline NormNumbers empty_numbers(const BatchNorm& norm) {
    return {Tensor::like(norm.weight), Tensor::like(norm.weight), Tensor::like(norm.weight)};
}

/// Moments over so many rows, of which mean and m2 are not read in evaluation.
NormalizeForward normalize_args(const BatchNorm& norm, const Moments& moments, int64_t rows,
                                const NormNumbers& numbers);

/// The norm that a convolution was told of: done behind its kernel, with the moments.
class NextNorm {
  public:
    /// `moments` are those of `rows` rows; they get their norm's numbers. Null: the convolution was told of none.
    NextNorm(const BatchNorm* norm, Moments& moments, int64_t rows);

    NormsBehind behind() const { return args_ ? NormsBehind(*args_) : NormsBehind(); }

  private:
    std::optional<NormalizeForward> args_;
};

}  // namespace vitrine::ops
