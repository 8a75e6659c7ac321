// Random words of many blocks of a stream at once: the same as philox.h's, a vector of blocks in the time of one.
#pragma once

#include <cstdint>

#include "kernels/philox.h"

namespace vitrine::cpu {

/// words[4 · i + w] = word w of block first_block + i of the stream `key`, for `count` blocks.
void fill_random_words(const RandomKey& key, uint32_t first_block, int64_t count, uint32_t* words);

}  // namespace vitrine::cpu
