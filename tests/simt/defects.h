// Kernels with one planted defect each, for the tests of the SIMT executor's checks.
#pragma once

namespace vitrine::simt::test {

// Waiting. Each is launched with one block.
void barrier_in_a_branch();        // 64 threads: the odd ones skip it
void barriers_in_two_branches();   // 64 threads: both halves wait, at different barriers
void barrier_of_another_kind();    // 64 threads: the halves call __syncthreads and __syncthreads_or
void barrier_against_shuffle();    // 32 threads: lane 0 waits at a barrier, the others in a shuffle of all
void two_warp_operations();        // 32 threads: lanes wait for each other in a shuffle and a ballot
void shuffle_from_exited_lane();   // 32 threads: lane 31 has exited
void shuffle_from_unnamed_lane();  // 32 threads: half the lanes shuffle, and read from the other half
void shuffle_by_unnamed_lane();    // 32 threads: lane 16 uses the mask of the lower half
void shuffle_in_small_block();     // 16 threads: lane 0 reads lane 16
void shuffle_of_width(int width);  // 32 threads

// Memory.
void write_past_end(float* values, int count);  // thread 5 of `count` + 1 writes values[count]
void read_before_beginning(float* values);      // values[-1]
void write_far_away(float* values);             // a million elements off
void write_misaligned(float* values);           // two floats at values + 1, as one float2
void write_through(float* pointer);             // *pointer = 1, whatever it is
void overrun_dynamic_shared(int index);         // dynamic shared memory has 64 floats
// 32 threads write an element of shared memory each and read it; thread `unwritten` does not write.
void read_uninitialised(bool dynamic, int unwritten, float* out);
void read_left_over(float* out);  // four blocks read what only block 0 writes

// Writes 40,000 bytes of static shared memory and `dynamic_bytes` of dynamic; the same with the static ones
// in a function that it calls; or has them and writes none.
void use_shared_memory(unsigned dynamic_bytes);
void use_shared_memory_of_function(unsigned dynamic_bytes);
void have_shared_memory(unsigned dynamic_bytes);

// Races in shared memory: 64 threads reverse 64 values; `synchronised` with a barrier between.
void reverse_by_block(int* values, bool synchronised);
// 32 threads reverse by warp: 0 with __syncwarp, 1 with a shuffle (which orders nothing), 2 with a __syncwarp
// of half the lanes.
void reverse_by_warp(int* values, int how);
// Reads by the lanes, then __syncwarp or nothing, then a write by lane 0.
void write_after_reads(int* out, bool synchronised);
// Each thread adds to one shared counter: atomically or not; then, after a barrier or not, thread 0 reads it.
void count_in_shared(int* out, bool atomic, bool synchronised);

// Races in global memory, 4 blocks of 32 threads.
void write_own(int* values);                        // each thread its own element: benign
void write_same(int* values);                       // every block's first thread the same element
void read_all_write_own(const int* from, int* to);  // benign: all read one element, each writes its own
void read_neighbour(int* values);  // thread i reads element i + 1, which another thread writes
void add_to_one(int* total, bool atomic);

}  // namespace vitrine::simt::test
