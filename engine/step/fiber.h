// A function with a stack of its own, which may stop in the middle and go on later: a coroutine, by Boost.Context. It runs in the
// thread that resumes it, and nothing runs beside it.
#pragma once

#include <boost/context/fiber.hpp>
#include <cstddef>
#include <functional>

namespace vitrine {

class Fiber {
  public:
    /// `body` must not throw. Throws std::bad_alloc where there is no memory for a stack.
    explicit Fiber(std::function<void()> body);
    /// It must have ended.
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// From outside: runs it until it suspends itself or ends.
    void resume();
    bool ended() const { return ended_; }
    /// From inside: back to who resumed it.
    void suspend();

    /// What a program's main thread mostly has, which is what kernels are written for. Memory is used as far down as they get.
    static constexpr std::size_t stack_bytes = std::size_t{8} << 20;

  private:
    std::function<void()> body_;
    boost::context::fiber inside_;  // while it is suspended
    boost::context::fiber caller_;  // while it runs
    bool ended_ = false;

    // For address sanitizer, which has to know where stacks are.
    const void* stack_ = nullptr;
    std::size_t bytes_ = 0;
    void* fake_stack_ = nullptr;
    const void* caller_stack_ = nullptr;
    std::size_t caller_bytes_ = 0;
};

}  // namespace vitrine
