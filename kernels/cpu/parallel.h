// Work over all cores, split so that the result never depends on how many there are.
//
// The rule: what is summed together is fixed by the shapes alone. A kernel cuts its work into chunks whose
// bounds are a function of the shapes, each chunk is computed by one thread from start to end, and partial
// sums are combined in the order of the chunks.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/thread_pool.h"
#include "kernels/threads.h"

namespace vitrine::cpu {

/// Calls body(i) for each i in [0, count), shared between the threads; body must not throw.
template <class Body>
void parallel_for(int64_t count, const Body& body) {
    const auto call = [](const void* untyped, int64_t i) { (*static_cast<const Body*>(untyped))(i); };
    run_in_pool(count, threads(), {call, &body});
}

constexpr int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t value, int64_t to) { return ceil_divide(value, to) * to; }

/// [begin, end).
struct Range {
    int64_t begin;
    int64_t end;

    int64_t count() const { return end - begin; }
};

/// [0, total) in equal chunks, the last one shorter.
struct Chunks {
    int64_t total;
    int64_t size;

    /// Chunks of at least `smallest` items, and not more than `most` chunks.
    static Chunks of(int64_t total, int64_t smallest, int64_t most) {
        return {total, std::max({smallest, (total + most - 1) / most, int64_t{1}})};
    }

    /// For flat element-by-element work: chunks that are long beside the cost of handing them out.
    static Chunks of_elements(int64_t total) { return {total, int64_t{1} << 15}; }

    int64_t count() const { return (total + size - 1) / size; }
    int64_t begin(int64_t chunk) const { return chunk * size; }
    int64_t end(int64_t chunk) const { return std::min(total, (chunk + 1) * size); }
    Range range(int64_t chunk) const { return {begin(chunk), end(chunk)}; }
};

/// Calls body(range) for each chunk, as parallel_for does.
template <class Body>
void for_each_chunk(const Chunks& chunks, const Body& body) {
    parallel_for(chunks.count(), [&](int64_t chunk) { body(chunks.range(chunk)); });
}

}  // namespace vitrine::cpu
