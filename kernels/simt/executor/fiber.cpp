// Fibers: switching stacks.

#include "kernels/simt/executor/fiber.h"

#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace vitrine::simt {
namespace {

// Address sanitizer spreads local variables out.
#ifdef __SANITIZE_ADDRESS__
constexpr size_t stack_bytes = size_t{512} << 10;
#else
constexpr size_t stack_bytes = size_t{256} << 10;
#endif

void before_switch([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* stack,
                   [[maybe_unused]] size_t bytes) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
#endif
}

void after_switch([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** old_stack,
                  [[maybe_unused]] size_t* old_bytes) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack, old_stack, old_bytes);
#endif
}

using boost::context::detail::fcontext_t;

/// Keeps where this stack was in `here`. Whoever comes back says, in the same way, where its own place is
/// kept.
void jump(fcontext_t& here, fcontext_t there) {
    const auto from = boost::context::detail::jump_fcontext(there, &here);
    *static_cast<fcontext_t*>(from.data) = from.fctx;
}

}  // namespace

Fiber::Fiber(void (*body)(void*, Fiber&), void* owner, Scheduler& scheduler, size_t number)
    : body_(body),
      owner_(owner),
      scheduler_(scheduler),
      stacks_(stack_bytes),
      stack_(stacks_.allocate()),
      shift_(number * 5 * 64 % 4096) {
    lowest_ = reinterpret_cast<uintptr_t>(stack_.sp) - stack_.size;
    restart();
}

Fiber::~Fiber() { stacks_.deallocate(stack_); }

void Fiber::restart() {
#ifdef __SANITIZE_ADDRESS__
    // The frames that are forgotten left their red zones behind. The guard page below stays out of it.
    __asan_unpoison_memory_region(static_cast<char*>(stack_.sp) - stack_bytes, stack_bytes);
#endif
    fake_stack_ = nullptr;
    inside_ = boost::context::detail::make_fcontext(static_cast<char*>(stack_.sp) - shift_,
                                                    stack_bytes - shift_, enter);
}

/// Fibers begin only from the scheduler.
void Fiber::enter(boost::context::detail::transfer_t from) {
    Scheduler& scheduler =
        *reinterpret_cast<Scheduler*>(static_cast<char*>(from.data) - offsetof(Scheduler, context));
    scheduler.context = from.fctx;
    after_switch(nullptr, &scheduler.stack, &scheduler.stack_bytes);
    Fiber& self = *scheduler.beginning;
    self.body_(self.owner_, self);
}

void Fiber::resume() {
    scheduler_.beginning = this;
    void* own_fake_stack = nullptr;
    before_switch(&own_fake_stack, static_cast<char*>(stack_.sp) - stack_bytes, stack_bytes);
    jump(scheduler_.context, inside_);
    after_switch(own_fake_stack, nullptr, nullptr);
}

void Fiber::suspend() {
    before_switch(&fake_stack_, scheduler_.stack, scheduler_.stack_bytes);
    jump(inside_, scheduler_.context);
    after_switch(fake_stack_, nullptr, nullptr);
}

void Fiber::switch_to(Fiber& other) {
    before_switch(&fake_stack_, static_cast<char*>(other.stack_.sp) - stack_bytes, stack_bytes);
    jump(inside_, other.inside_);
    after_switch(fake_stack_, nullptr, nullptr);
}

}  // namespace vitrine::simt
