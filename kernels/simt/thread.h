// What a CUDA thread asks of the executor: barriers, warp operations, atomics, dynamic shared memory. The
// words of words.h are thin dresses over these functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>

namespace vitrine::simt {

using Location = std::source_location;

enum class Barrier : uint8_t { plain, count, all, any };

/// Waits until every thread of the block waits at this barrier. Returns what the voting forms return: how
/// many predicates were true, whether all were, whether any was; 0 for the plain form.
int block_barrier(Barrier kind, int predicate, const Location& location);

enum class WarpOperation : uint8_t { sync, shuffle, shuffle_up, shuffle_down, shuffle_xor, ballot, all, any };

/// What a lane brings to a warp operation.
struct WarpRequest {
    WarpOperation operation;
    unsigned mask;       // the lanes that take part; must name the caller
    uint64_t value = 0;  // a shuffle's value (its bits), a vote's predicate
    int argument = 0;    // a shuffle's source lane, distance or lane mask
    int width = 32;      // a shuffle's segment: a power of two up to 32
};

/// Waits until every lane of the mask that has not exited asks for the same operation; returns the lane's
/// result.
uint64_t warp_operation(const WarpRequest& request, const Location& location);

/// The bit of the calling lane alone: __activemask promises no more, and code that counts on more is wrong on
/// a GPU.
unsigned active_mask();

enum class AtomicOperation : uint8_t { add, minimum, maximum, exchange, compare_and_swap };

/// For int, unsigned, unsigned long long, float and double; returns the old value.
template <class T>
T atomic(AtomicOperation operation, T* address, T value, T compare);

void* dynamic_shared_memory();

}  // namespace vitrine::simt
