// A function with a stack of its own: see fiber.h.

#include "engine/step/fiber.h"

#include <boost/context/protected_fixedsize_stack.hpp>
#include <utility>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace vitrine {
namespace {

void before_switch([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* stack,
                   [[maybe_unused]] std::size_t bytes) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
#endif
}

void after_switch([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** old_stack,
                  [[maybe_unused]] std::size_t* old_bytes) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack, old_stack, old_bytes);
#endif
}

}  // namespace

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)) {
    boost::context::protected_fixedsize_stack allocator(stack_bytes);
    const boost::context::stack_context stack = allocator.allocate();
    stack_ = static_cast<char*>(stack.sp) - stack.size;
    bytes_ = stack.size;
    inside_ =
        boost::context::fiber(std::allocator_arg, boost::context::preallocated(stack.sp, stack.size, stack),
                              allocator, [this](boost::context::fiber&& caller) {
                                  after_switch(nullptr, &caller_stack_, &caller_bytes_);
                                  caller_ = std::move(caller);
                                  body_();
                                  ended_ = true;
                                  before_switch(nullptr, caller_stack_, caller_bytes_);
                                  return std::move(caller_);
                              });
}

Fiber::~Fiber() {
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(stack_, bytes_);
#endif
}

void Fiber::resume() {
    void* own_fake_stack = nullptr;
    before_switch(&own_fake_stack, stack_, bytes_);
    inside_ = std::move(inside_).resume();
    after_switch(own_fake_stack, nullptr, nullptr);
}

void Fiber::suspend() {
    before_switch(&fake_stack_, caller_stack_, caller_bytes_);
    caller_ = std::move(caller_).resume();
    after_switch(fake_stack_, &caller_stack_, &caller_bytes_);
}

}  // namespace vitrine
