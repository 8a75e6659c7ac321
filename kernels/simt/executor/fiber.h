// A stack of its own for a CUDA thread that must wait: a coroutine, told to address sanitizer where that is
// in use.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vitrine::simt {

class Fiber;

/// The stack that resumes fibers and to which they come back: the OS thread's own, or that of whoever runs kernels in it
/// (engine/step/lockstep.h has several that take turns).
struct Scheduler {
    void* place = nullptr;       // where it went on to a fiber
    Fiber* beginning = nullptr;  // the fiber that is entered for the first time
    // For address sanitizer.
    bool resumes = false;  // and no fiber has arrived yet
    const void* stack = nullptr;
    size_t stack_bytes = 0;
};

/// Belongs to the OS thread that made it, for good.
class Fiber {
  public:
    /// `body` must not return: it suspends when it has nothing to do, and is resumed when there is more.
    /// Fibers with different numbers begin at different offsets in their pages, so that they do not compete
    /// for the same few cache lines.
    Fiber(void (*body)(void* owner, Fiber& self), void* owner, Scheduler& scheduler, size_t number);
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// From the scheduler: runs the fiber until one comes back.
    void resume();

    /// From inside: back to the scheduler.
    void suspend();

    /// From inside: on with another fiber, whether it has begun or not. Half the price of going by the
    /// scheduler.
    void switch_to(Fiber& other) {
        scheduler_.beginning = &other;
#ifdef __SANITIZE_ADDRESS__
        switch_told(other);
#else
        switch_stacks(place_, other.place_);
#endif
    }

    /// Fetches the top of the stack, soon to be switched to, into the cache.
    void expect() const {
        __builtin_prefetch(place_);
        __builtin_prefetch(static_cast<const char*>(place_) + 64);
    }

    /// Forgets where the fiber was: the next resume() begins its body anew. No destructors run on its stack.
    void restart();

    /// Whether an address lies on the calling fiber's own stack. Stacks are aligned to their size, so a look
    /// at any of its frames tells.
    static bool on_own_stack(uintptr_t address) {
#ifdef __x86_64__
        uintptr_t here;  // by hand, because asking the compiler for its frame costs a frame
        asm("movq %%rsp, %0" : "=r"(here));
#else
        const uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
#endif
        return (address ^ here) < stack_bytes;
    }

    // Address sanitizer spreads local variables out.
#ifdef __SANITIZE_ADDRESS__
    static constexpr size_t stack_bytes = size_t{512} << 10;
#else
    static constexpr size_t stack_bytes = size_t{256} << 10;
#endif

  private:
    static void enter();
    static void arrive(Scheduler& scheduler, void* fake_stack);
    void switch_told(Fiber& other);

    /// Leaves the running stack, noting in `here` where it was, for `there`. Returns when another stack
    /// leaves for what was noted.
    static void switch_stacks(void*& here, void* there) asm("vitrine_simt_switch_stacks");

    void* place_ = nullptr;  // while another stack runs: where this one was
    Scheduler& scheduler_;
    void (*body_)(void*, Fiber&);
    void* owner_;
    char* stack_;                 // the lowest address
    size_t shift_;                // of the beginning
    void* fake_stack_ = nullptr;  // address sanitizer's
};

}  // namespace vitrine::simt
