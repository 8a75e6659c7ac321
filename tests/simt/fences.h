// Kernels whose blocks order themselves by fences and atomics, and the same with something left out.
#pragma once

namespace vitrine::simt::test {

/// How the last block to finish knows that it is the last, and that the others' sums are there. All of them
/// begin with the block's sum, by thread 0, in partials[block]; the last block adds these up.
enum class LastBlock : int {
    // Correct.
    sample,             // CUDA's threadFenceReduction: all fence, thread 0 counts, a barrier
    fenced_by_counter,  // thread 0 fences, counts and fences again; a barrier
    fence_and_barrier,  // all fence, a barrier, thread 0 counts, a barrier, all fence
    by_exchange,        // as the sample, counted by compare-and-swap
    // Wrong.
    no_fence,
    no_barrier,           // that tells the block whether it is the last
    fence_after_counter,  // and none before
    fence_of_block,       // __threadfence_block
    fence_of_another,     // thread 1 fences, thread 0 writes and counts
    write_after_fence,
    own_counter,    // each block counts for itself
    not_the_last,   // the first block to finish adds up
    plain_counter,  // no atomic
    early_read,     // of the others' sums, before the counter is looked at
};

/// Blocks of 64 threads, one of `values` each. total = the sum of all; count begins and ends as 0.
void sum_by_last_block(LastBlock how, const int* values, int* partials, unsigned* count, int* total,
                       unsigned blocks);

/// Each thread writes 1 to its own element; the last block adds all of them. Who fences?
enum class Writers : int {
    each_itself,
    thread_0_after_barrier,
    lane_0_after_syncwarp,  // and counts, a warp at a time: the last warp adds up
    // Wrong.
    thread_0_without_barrier,
    thread_0_before_barrier,
    lane_0_without_syncwarp,
};
void sum_of_all_writers(Writers how, int* values, unsigned* count, int* total, unsigned blocks);

/// 4 blocks of 4 warps. The last warp of a block to finish adds up what the others have left in shared
/// memory.
enum class LastWarp : int {
    fence_of_block,
    fence_of_device,
    in_global_memory,  // the counter and what is left
    // Wrong.
    no_fence,
    no_second_fence,
    counter_of_all,  // one for all blocks, of whom a fence of the block orders none
};
void sum_by_last_warp_of_block(LastWarp how, unsigned* counts, int* left, int* totals);

/// Block 0 hands a value to block 1, which takes it if the flag is there.
enum class Handover : int {
    fences,
    through_a_third,     // block 0 to 1, and 1 to 2, which reads what 0 wrote
    fences_and_shuffle,  // wrong: lane 0 acquires, a shuffle tells the others
    no_release,
    no_acquire,
    plain_flag,
    volatile_flag,
    relaxed,       // neither fence
    written_over,  // the flag is written again plainly
};
void hand_over(Handover how, int* value, int* flags, int* out);

/// All blocks read settings[0]; the last one to finish changes it.
void change_what_all_read(bool fenced, int* settings, unsigned* count, int* out, unsigned blocks);

/// All blocks add to one word atomically; the last one to finish reads it plainly.
void read_what_all_added(bool fenced, int* sum, unsigned* count, int* out, unsigned blocks);

/// Every thread adds 1 to a word plainly, while it holds a lock. Which fences are there?
enum class Lock : int { both_fences, after_taking_it, before_leaving_it, none };
void add_under_lock(Lock how, int* lock, int* sum, unsigned blocks);

/// Block 0 writes a value, fences and tries to set a flag by compare-and-swap. Block 1 looks at the flag
/// atomically, fences and reads the value, flag or not.
void hand_over_by_exchange(int* value, int* flag, int flag_is, int* out);

/// As sum_by_last_block, with a __device__ counter and __device__ partial sums. 16 blocks.
void sum_in_variables(bool fenced, int* total);

/// Waits for a flag that nobody sets: 0 by a volatile read, 1 atomically, 2 by a compare-and-swap, 3 a warp
/// that votes until all of its flags are there.
void wait_for_ever(int how, int* flags);
/// Looks at one word as often as somebody who waits, but does something between. 64 threads.
void look_often(int* word, int* out);

}  // namespace vitrine::simt::test
