// OS threads that wait for work.

#include "kernels/simt/executor/crew.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

namespace vitrine::simt {

Crew& Crew::of_process() {
    static Crew* crew = nullptr;
    static pid_t owner = 0;
    if (owner != getpid()) {
        crew = new Crew;
        owner = getpid();
    }
    return *crew;
}

void Crew::run(int count, const std::function<void()>& f) {
    {
        const std::lock_guard lock(mutex_);
        work_ = &f;
        ++call_;
        wanted_ = running_ = start(count - 1);
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

int Crew::start(int wanted) {
    try {
        while (static_cast<int>(threads_.size()) < wanted)
            threads_.emplace_back(&Crew::serve, this, static_cast<int>(threads_.size()));
    } catch (const std::system_error&) {
        // The system has no more threads for us: those that there are do the work.
    }
    return std::min(wanted, static_cast<int>(threads_.size()));
}

void Crew::serve(int number) {
    uint64_t served = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
        begin_.wait(lock, [&] { return call_ != served && number < wanted_; });
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
