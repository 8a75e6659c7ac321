// What a CUDA thread asks of the executor: barriers, warp operations, atomics, dynamic shared memory. The
// words of cuda_compat.h are thin dresses over these functions. All is passed by value: what has an address in a
// kernel's frame is announced to the hooks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>

namespace vitrine::simt {

using Location = std::source_location;

enum class Barrier : uint8_t { plain, count, all, any };

/// Waits until every thread of the block waits at this barrier. Returns what the voting forms return: how
/// many predicates were true, whether all were, whether any was; 0 for the plain form.
int block_barrier(Barrier kind, int predicate, Location location);

enum class WarpOperation : uint8_t {
    sync,
    shuffle,
    shuffle_up,
    shuffle_down,
    shuffle_xor,
    ballot,
    all,
    any,
    // Of matrices (matrices.h): `value` is where the lane's part is, `argument` the kind of instruction.
    multiply,
    load_matrices,
};

/// Waits until every lane of the mask that has not exited asks for the same operation; returns the lane's
/// result. `mask` names the lanes that take part, the caller among them; `value` is a shuffle's value (its
/// bits) or a vote's predicate; `argument` a shuffle's source lane, distance or lane mask; `width` its
/// segment, a power of two up to 32.
uint64_t warp_operation(WarpOperation operation, unsigned mask, uint64_t value, int argument, int width,
                        Location location);

/// The bit of the calling lane alone: __activemask promises no more, and code that counts on more is wrong on
/// a GPU.
unsigned active_mask();

enum class FenceScope : uint8_t { block, device };

/// To the threads of the block, or to all, what the thread did before comes before what it does after.
/// Unchecked launches need none: memory is sequentially consistent here.
void fence(FenceScope scope);

enum class AtomicOperation : uint8_t {
    add,
    minimum,
    maximum,
    exchange,
    compare_and_swap,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    increment,  // up to `value`, then 0
    decrement,  // from 0, or from above `value`, to `value`
};

/// For int, unsigned, unsigned long long, float and double, as far as CUDA has it; returns the old value.
template <class T>
T atomic(AtomicOperation operation, T* address, T value, T compare);

void* dynamic_shared_memory();

}  // namespace vitrine::simt
