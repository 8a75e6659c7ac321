// Fibers: switching stacks.

#include "kernels/simt/executor/fiber.h"

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

}  // namespace

Fiber::Fiber(void (*body)(void*, Fiber&), void* owner)
    : body_(body), owner_(owner), stacks_(stack_bytes), stack_(stacks_.allocate()) {
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
    inside_ = boost::context::detail::make_fcontext(stack_.sp, stack_bytes, enter);
}

void Fiber::enter(boost::context::detail::transfer_t scheduler) {
    Fiber& self = *static_cast<Fiber*>(scheduler.data);
    self.scheduler_ = scheduler.fctx;
    after_switch(nullptr, &self.scheduler_stack_, &self.scheduler_stack_bytes_);
    self.body_(self.owner_, self);
}

void Fiber::resume() {
    void* own_fake_stack = nullptr;
    before_switch(&own_fake_stack, static_cast<char*>(stack_.sp) - stack_bytes, stack_bytes);
    inside_ = boost::context::detail::jump_fcontext(inside_, this).fctx;
    after_switch(own_fake_stack, nullptr, nullptr);
}

void Fiber::suspend() {
    before_switch(&fake_stack_, scheduler_stack_, scheduler_stack_bytes_);
    scheduler_ = boost::context::detail::jump_fcontext(scheduler_, nullptr).fctx;
    after_switch(fake_stack_, &scheduler_stack_, &scheduler_stack_bytes_);
}

}  // namespace vitrine::simt
