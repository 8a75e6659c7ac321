// A stack of its own for a CUDA thread that must wait: a coroutine on Boost.Context's assembly, told to
// address sanitizer where that is in use.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cstddef>
#include <cstdint>

namespace vitrine::simt {

class Fiber;

/// The OS thread's own stack, which resumes fibers and to which they come back.
struct Scheduler {
    boost::context::detail::fcontext_t context = nullptr;
    Fiber* beginning = nullptr;  // the fiber that is resumed for the first time
    // For address sanitizer.
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

    /// From inside: on with another fiber, which has suspended or switched. Half the price of going by the
    /// scheduler.
    void switch_to(Fiber& other);

    /// Forgets where the fiber was: the next resume() begins its body anew. No destructors run on its stack.
    void restart();

    /// Whether an address lies on this stack.
    bool holds(uintptr_t address) const { return address - lowest_ < stack_.size; }

  private:
    static void enter(boost::context::detail::transfer_t from);

    void (*body_)(void*, Fiber&);
    void* owner_;
    Scheduler& scheduler_;
    boost::context::protected_fixedsize_stack stacks_;
    boost::context::stack_context stack_;
    uintptr_t lowest_;
    size_t shift_;  // of the beginning
    boost::context::detail::fcontext_t inside_ = nullptr;
    void* fake_stack_ = nullptr;  // address sanitizer's
};

}  // namespace vitrine::simt
