// The arithmetic of a warp's matrix instructions, by the layouts of the PTX ISA: see kernels/cuda/tensor_core.h.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/simt/matrices.h"

namespace vitrine::simt {

/// C += A · B, of the registers of all lanes.
void multiply_lanes(std::span<MatrixProduct* const, 32> lanes);

/// Of the whole warp.
uint64_t multiply_adds_of(const MatrixProduct& product);

/// Whether the lane has a number of type tf32 whose bits behind the tenth are not all zero. (NaN may have any.)
bool has_unrounded(const MatrixProduct& product);

/// Gives every lane its words of the rows that the lanes have.
void exchange_rows(std::span<MatrixLoad* const, 32> lanes);

/// A sum as tensor cores leave it: cut towards zero.
float cut_to_float(double sum);

}  // namespace vitrine::simt
