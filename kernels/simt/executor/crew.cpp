// OS threads that wait for work.

#include "kernels/simt/executor/crew.h"

#include <exception>
#include <utility>

namespace vitrine::simt {

Crew::~Crew() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    begin_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void Crew::run(int count, const std::function<void()>& f) {
    {
        const std::lock_guard lock(mutex_);
        work_ = &f;
        ++call_;
        wanted_ = running_ = count - 1;
        while (static_cast<int>(threads_.size()) < wanted_) {
            threads_.emplace_back(&Crew::serve, this, static_cast<int>(threads_.size()));
        }
    }
    begin_.notify_all();
    std::exception_ptr failure;
    try {
        f();
    } catch (...) {
        failure = std::current_exception();
    }
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return running_ == 0; });
    if (failure == nullptr) failure = failure_;
    failure_ = nullptr;
    if (failure != nullptr) std::rethrow_exception(failure);
}

void Crew::serve(int number) {
    uint64_t served = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
        begin_.wait(lock, [&] { return over_ || (call_ != served && number < wanted_); });
        if (over_) return;
        served = call_;
        const std::function<void()>& work = *work_;
        lock.unlock();
        std::exception_ptr failure;
        try {
            work();
        } catch (...) {
            failure = std::current_exception();
        }
        lock.lock();
        if (failure != nullptr) failure_ = failure;
        if (--running_ == 0) done_.notify_all();
    }
}

}  // namespace vitrine::simt
