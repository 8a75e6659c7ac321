// Random numbers for the host: uniform, normal and permutations, all drawn from Philox (kernels/philox.h).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/philox.h"

namespace vitrine {

/// Uniform in [low, high), one value per index.
double random_uniform(const RandomKey& key, uint64_t index, double low = 0.0, double high = 1.0);

/// Normal with mean 0 and deviation 1 (Box-Muller on two words), one value per index.
double random_normal(const RandomKey& key, uint64_t index);

/// An integer in [0, bound), from 53 random bits: for bound below 2^32 the bias is under 2^-21.
uint64_t random_below(const RandomKey& key, uint64_t index, uint64_t bound);

/// A permutation of 0 … count-1 (Fisher-Yates).
std::vector<int64_t> random_permutation(const RandomKey& key, int64_t count);

}  // namespace vitrine
