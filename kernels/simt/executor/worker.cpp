// The words' way to the executor, and a launch's blocks on one OS thread.

#include "kernels/simt/executor/worker.h"

#include <atomic>
#include <bit>
#include <memory>
#include <stdexcept>

#include "kernels/simt/arithmetic.h"
#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/recording.h"
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
        case AtomicOperation::compare_and_swap:
            return old == compare ? value : old;
        default:
            break;
    }
    if constexpr (std::is_integral_v<T>) {
        switch (operation) {
            case AtomicOperation::bitwise_and:
                return old & value;
            case AtomicOperation::bitwise_or:
                return old | value;
            case AtomicOperation::bitwise_xor:
                return old ^ value;
            case AtomicOperation::increment:
                return old >= value ? T{0} : old + 1;
            case AtomicOperation::decrement:
                return old == 0 || old > value ? value : old - 1;
            default:
                break;
        }
    }
    throw std::logic_error("an atomic operation that its type does not have");
}

/// Of global memory, in a sample of a launch's blocks.
bool leaves_as_is(const void* address) {
    return running().is_sample() && DeviceMemory::instance().contains(reinterpret_cast<uintptr_t>(address));
}

/// Returns the old value.
template <class T>
T change(AtomicOperation operation, T* address, T value, T compare) {
    std::atomic_ref<T> target(*address);
    if (leaves_as_is(address)) return target.load(std::memory_order_relaxed);
    T old = target.load(std::memory_order_relaxed);
    while (!target.compare_exchange_weak(old, combined(operation, old, value, compare))) {
    }
    return old;
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
    copies.begin_block();
    if (poison_blindly_) shared.poison_all();
    if (grid_->records(turn)) return run_recorded(turn);
    block.run(turn);
    if (grid_->settings().count_traffic) observer.end_block();
}

void Worker::run_recorded(uint64_t turn) {
    Recording recording(*grid_, shared);
    block.set_recording(&recording);
    observer.set_recording(&recording);
    block.run(turn);
    observer.end_block();
    block.set_recording(nullptr);
    observer.set_recording(nullptr);
    grid_->add(recording.finish());
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

void fence(FenceScope scope) {
    if (running_observer == nullptr) return;
    const Unobserved unobserved;
    running().block.fence(scope);
}

unsigned active_mask() { return running().block.now().lane_bit; }

void* dynamic_shared_memory() { return running().shared.dynamic(); }

template <class T>
T atomic(AtomicOperation operation, T* address, T value, T compare) {
    const Unobserved unobserved;
    if (unobserved.observer() == nullptr) return change(operation, address, value, compare);
    const auto place = reinterpret_cast<uintptr_t>(address);
    const auto code = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
    Worker& worker = running();
    const bool releases = worker.block.fences().releases(worker.block.now().rank);
    if (releases) worker.block.advance_clock();
    unobserved.observer()->observe_slowly(place, sizeof(T), Access::atomic, code);
    const bool shared = worker.shared.in_static(place) || worker.shared.in_dynamic(place);
    T old{};
    worker.block.fences().at_atomic(worker.block.now(), place, shared, [&] {
        old = change(operation, address, value, compare);
        // A compare-and-swap that found another value has only read.
        return !leaves_as_is(address) && (operation != AtomicOperation::compare_and_swap || old == compare);
    });
    if (releases) worker.block.advance_clock();
    if (combined(operation, old, value, compare) == old) {
        unobserved.observer()->look_in_vain(place, code);
    } else {
        unobserved.observer()->has_changed();
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
