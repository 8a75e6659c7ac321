// Kernels that measure what the SIMT executor itself costs.
#pragma once

namespace vitrine::simt::test {

void run_empty(unsigned blocks, unsigned threads);
void run_barriers(unsigned blocks, unsigned threads, int count);
void run_shuffles(unsigned blocks, unsigned threads, int count);

}  // namespace vitrine::simt::test
