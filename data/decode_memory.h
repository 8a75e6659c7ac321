// The memory that images being decoded take together, in all threads of the process.
#pragma once

#include <cstdint>
#include <memory>

namespace vitrine {

/// Threads whose images would take more than this between them wait for each other. An image that takes more
/// than all of it is decoded alone.
inline constexpr int64_t decode_memory_budget = int64_t{1} << 30;

/// Waits until `bytes` of the budget are free, first come first served, and holds them for as long as the
/// result lives. A thread may hold one share at a time.
std::shared_ptr<const void> take_decode_memory(int64_t bytes);

}  // namespace vitrine
