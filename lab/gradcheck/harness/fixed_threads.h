// A number of threads for as long as a scope lasts.
#pragma once

#include "kernels/threads.h"

namespace vitrine::gradcheck {

class FixedThreads {
  public:
    explicit FixedThreads(int count) : before_(threads()) { set_threads(count); }
    ~FixedThreads() { set_threads(before_); }
    FixedThreads(const FixedThreads&) = delete;
    FixedThreads& operator=(const FixedThreads&) = delete;

  private:
    int before_;
};

}  // namespace vitrine::gradcheck
