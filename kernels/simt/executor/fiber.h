// A stack of its own for a CUDA thread that must wait: a coroutine on Boost.Context's assembly, told to
// address sanitizer where that is in use.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cstddef>
#include <cstdint>

namespace vitrine::simt {

/// Belongs to the OS thread that made it, for good.
class Fiber {
  public:
    /// `body` must not return: it suspends when it has nothing to do, and is resumed when there is more.
    Fiber(void (*body)(void* owner, Fiber& self), void* owner);
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// From the scheduler: runs the fiber until it suspends.
    void resume();

    /// From inside: back to the scheduler.
    void suspend();

    /// Forgets where the fiber was: the next resume() begins its body anew. No destructors run on its stack.
    void restart();

    /// Whether an address lies on this stack.
    bool holds(uintptr_t address) const { return address - lowest_ < stack_.size; }

  private:
    static void enter(boost::context::detail::transfer_t scheduler);

    void (*body_)(void*, Fiber&);
    void* owner_;
    boost::context::protected_fixedsize_stack stacks_;
    boost::context::stack_context stack_;
    uintptr_t lowest_;
    boost::context::detail::fcontext_t inside_ = nullptr;
    boost::context::detail::fcontext_t scheduler_ = nullptr;
    // What address sanitizer must know to follow a switch.
    void* fake_stack_ = nullptr;
    const void* scheduler_stack_ = nullptr;
    size_t scheduler_stack_bytes_ = 0;
};

}  // namespace vitrine::simt
