// The words' way to the executor, and a launch's blocks on one OS thread.

#include "kernels/simt/executor/worker.h"

#include <atomic>
#include <bit>
#include <memory>
#include <stdexcept>

#include "kernels/simt/arithmetic.h"
#include "kernels/simt/thread.h"

namespace vitrine::simt {

constinit thread_local Worker* running_worker = nullptr;

namespace {

thread_local std::unique_ptr<Worker> worker_of_thread;

Worker& running() {
    if (running_worker == nullptr) throw std::logic_error("a CUDA word was used outside of a kernel");
    return *running_worker;
}

template <class T>
T combined(AtomicOperation operation, T old, T value, T compare) {
    switch (operation) {
        case AtomicOperation::add:
            return static_cast<T>(old + value);
        case AtomicOperation::minimum:
            return value < old ? value : old;
        case AtomicOperation::maximum:
            return old < value ? value : old;
        case AtomicOperation::exchange:
            return value;
        default:
            return old == compare ? value : old;
    }
}

}  // namespace

Worker& Worker::mine() {
    if (worker_of_thread == nullptr) worker_of_thread = std::make_unique<Worker>();
    return *worker_of_thread;
}

void Worker::begin_launch(Grid& grid) {
    grid_ = &grid;
    counters = {};
    fused_multiply_adds = 0;
    shared.begin_launch(grid);
    block.begin_launch(grid, grid.settings().check ? &observer : nullptr);
    observer.begin_launch(grid);
    poison_blindly_ = grid.settings().check && !grid.request().hooked;
    if (poison_blindly_) shared.save();
    running_worker = this;
    running_block = &block;
}

void Worker::run_block(uint64_t turn) {
    if (poison_blindly_) shared.poison_all();
    block.run(turn);
    if (grid_->settings().count_traffic) observer.end_block();
}

void Worker::end_launch() {
    running_worker = nullptr;
    running_block = nullptr;
    if (poison_blindly_) shared.restore();
    observer.end_launch();
    counters.static_shared_bytes = shared.static_bytes_used();
    counters.fused_multiply_adds = fused_multiply_adds;
    grid_->add(counters);
}

unsigned active_mask() { return running().block.now().lane_bit; }

void* dynamic_shared_memory() { return running().shared.dynamic(); }

template <class T>
T atomic(AtomicOperation operation, T* address, T value, T compare) {
    const Unobserved unobserved;
    if (unobserved.observer() != nullptr) {
        unobserved.observer()->observe_slowly(reinterpret_cast<uintptr_t>(address), sizeof(T), Access::atomic,
                                              reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
    }
    std::atomic_ref<T> target(*address);
    T old = target.load(std::memory_order_relaxed);
    while (!target.compare_exchange_weak(old, combined(operation, old, value, compare))) {
    }
    return old;
}

template int atomic(AtomicOperation, int*, int, int);
template unsigned atomic(AtomicOperation, unsigned*, unsigned, unsigned);
template unsigned long long atomic(AtomicOperation, unsigned long long*, unsigned long long,
                                   unsigned long long);
template float atomic(AtomicOperation, float*, float, float);
template double atomic(AtomicOperation, double*, double, double);

}  // namespace vitrine::simt
