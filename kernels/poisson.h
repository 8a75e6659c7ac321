// Poisson numbers by inversion of a table: the same integers on every device from one random word each.
#pragma once

#include <cstdint>
#include <vector>

namespace vitrine {

/// The distribution function in 32 bits: entry k is ⌊2³² · P(p ≤ k)⌋, up to the last that is below 2³². It is
/// found in f64 from log P(p = k) = k · log rate − rate − log k!, so that large rates do not underflow.
/// `rate` is above 0.
std::vector<uint32_t> poisson_table(double rate);

/// The Poisson number of a random word: how many entries of the table do not exceed it. Numbers less likely
/// than 2⁻³² do not come. It never falls where the word grows: the largest word gives the largest number.
constexpr int32_t poisson_number(const uint32_t* table, int32_t size, uint32_t word) {
    int32_t below = 0, left = size;  // the answer lies in below … below + left
    while (left > 0) {
        const int32_t half = (left + 1) / 2;
        const bool counts = table[below + half - 1] <= word;
        below += counts ? half : 0;
        left = counts ? left - half : half - 1;
    }
    return below;
}

}  // namespace vitrine
