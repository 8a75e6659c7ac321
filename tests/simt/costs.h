// Kernels that are there to take time.
#pragma once

#include <cstddef>

namespace vitrine::simt::test {

/// Every thread of every block of 128 counts to `count` in its own element of `values`. places[block] is the
/// address of the block's shared memory, which tells the OS threads of the host apart. If `racing`, each
/// block also writes values[0] at its end.
void count_long(int* values, size_t* places, unsigned blocks, int count, bool racing);

void run_empty(unsigned blocks, unsigned threads);
void run_barriers(unsigned blocks, unsigned threads, int count);
/// Every thread reads all the words, which makes them words of several blocks, after a fence or without one.
void run_reads(const float* words, float* sums, unsigned blocks, unsigned threads, int count, bool fenced);
void run_shuffles(unsigned blocks, unsigned threads, int count);

}  // namespace vitrine::simt::test
