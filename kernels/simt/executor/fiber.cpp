// Fibers: their stacks, and the few instructions that change from one to another.

#include "kernels/simt/executor/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>
#include <utility>

#ifndef __x86_64__
#include <boost/context/detail/fcontext.hpp>
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace vitrine::simt {
namespace {

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

constinit thread_local Scheduler* entering = nullptr;  // whose fiber is entered for the first time

size_t page_bytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

/// A stack aligned to its size, above a page that nobody may touch.
char* map_stack() {
    constexpr size_t bytes = Fiber::stack_bytes;
    void* wide = mmap(nullptr, 2 * bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (wide == MAP_FAILED) throw std::bad_alloc();
    char* begin = static_cast<char*>(wide);
    const size_t before = (bytes - reinterpret_cast<uintptr_t>(begin) % bytes) % bytes;
    if (before != 0) munmap(begin, before);
    munmap(begin + before + bytes, bytes - before);
    mprotect(begin + before, page_bytes(), PROT_NONE);
    return begin + before;
}

}  // namespace

// Boost.Context's jump_fcontext does the same and goes on with a jump. Here it is a return, to the call that
// the other stack left by: mostly the same one, so the processor, which pairs calls with returns, foresees it
// and all returns after it. That more than halves what a barrier costs.
#ifdef __x86_64__
asm(R"(
.text
.p2align 4
.globl vitrine_simt_switch_stacks
.hidden vitrine_simt_switch_stacks
.type vitrine_simt_switch_stacks, @function
vitrine_simt_switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size vitrine_simt_switch_stacks, .-vitrine_simt_switch_stacks
)");

namespace {

/// What switch_stacks finds on a stack that has not begun: six registers, where to go, and for the debugger a
/// caller that is nobody.
void* first_place(char* top, void (*enter)()) {
    constexpr int saved_registers = 6;
    auto* place = reinterpret_cast<uintptr_t*>(reinterpret_cast<uintptr_t>(top) & ~uintptr_t{15});
    *--place = 0;
    *--place = reinterpret_cast<uintptr_t>(enter);
    for (int i = 0; i < saved_registers; ++i) *--place = 0;
    return place;
}

}  // namespace
#else
namespace {

using boost::context::detail::transfer_t;

void note(const transfer_t& from) { *static_cast<void**>(from.data) = from.fctx; }

template <void (*enter)()>
void enter_from(transfer_t from) {
    note(from);
    enter();
}

}  // namespace

void Fiber::switch_stacks(void*& here, void* there) {
    note(boost::context::detail::jump_fcontext(there, &here));
}
#endif

Fiber::Fiber(void (*body)(void*, Fiber&), void* owner, Scheduler& scheduler, size_t number)
    : scheduler_(scheduler), body_(body), owner_(owner), stack_(map_stack()), shift_(number * 5 * 64 % 4096) {
    restart();
}

Fiber::~Fiber() {
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(stack_, stack_bytes);
#endif
    munmap(stack_, stack_bytes);
}

void Fiber::restart() {
#ifdef __SANITIZE_ADDRESS__
    // The frames that are forgotten left their red zones behind. The guard page below stays out of it.
    __asan_unpoison_memory_region(stack_ + page_bytes(), stack_bytes - page_bytes());
#endif
    fake_stack_ = nullptr;
    char* const top = stack_ + stack_bytes - shift_;
#ifdef __x86_64__
    place_ = first_place(top, enter);
#else
    place_ =
        boost::context::detail::make_fcontext(top, stack_bytes - shift_ - page_bytes(), enter_from<enter>);
#endif
}

/// What comes from the scheduler is told where the scheduler's stack is.
void Fiber::arrive(Scheduler& scheduler, void* fake_stack) {
    const bool resumed = std::exchange(scheduler.resumes, false);
    after_switch(fake_stack, resumed ? &scheduler.stack : nullptr,
                 resumed ? &scheduler.stack_bytes : nullptr);
}

void Fiber::enter() {
    Scheduler& scheduler = *entering;
    arrive(scheduler, nullptr);
    Fiber& self = *scheduler.beginning;
    self.body_(self.owner_, self);
}

void Fiber::resume() {
    entering = &scheduler_;
    scheduler_.beginning = this;
    scheduler_.resumes = true;
    void* own_fake_stack = nullptr;
    before_switch(&own_fake_stack, stack_, stack_bytes);
    switch_stacks(scheduler_.place, place_);
    after_switch(own_fake_stack, nullptr, nullptr);
}

void Fiber::suspend() {
    before_switch(&fake_stack_, scheduler_.stack, scheduler_.stack_bytes);
    switch_stacks(place_, scheduler_.place);
    arrive(scheduler_, fake_stack_);
}

void Fiber::switch_told(Fiber& other) {
    before_switch(&fake_stack_, other.stack_, stack_bytes);
    switch_stacks(place_, other.place_);
    arrive(scheduler_, fake_stack_);
}

}  // namespace vitrine::simt
