// Where a warp's registers hold a matrix, found by trying.
#pragma once

namespace vitrine::inspect {

constexpr int lanes_of_warp = 32;
constexpr int registers_of_a = 4;  // of a lane: of A [16, 16] in 16 bits

/// Of every register of every lane, [lane, register]: what comes to the product's `row` if that register alone is not
/// zero, and of B nothing but row `k`. One kernel on the simt device, in whose memory `results` are.
void try_registers_of_a(int row, int k, float* results);

}  // namespace vitrine::inspect
