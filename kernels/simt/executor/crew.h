// The OS threads that share out a launch's blocks. They sleep between launches: OpenMP's would spin for a
// while after each, at the cost of whoever else needs the processor.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace vitrine::simt {

/// One caller at a time. Never destroyed: its threads end with the process.
class Crew {
  public:
    /// This process's. (A fork takes no threads along, so it has a new one.)
    static Crew& of_process();

    /// Runs f on `count` OS threads, or as many as can be started, the calling one among them, and returns
    /// when all have returned. The same ones serve every call. Rethrows what one of them threw.
    void run(int count, const std::function<void()>& f);

  private:
    Crew() = default;
    /// Sees to it that so many threads serve, and returns how many of them do. Under the mutex.
    int start(int wanted);
    void serve(int number);

    std::mutex mutex_;
    std::condition_variable begin_;
    std::condition_variable done_;
    const std::function<void()>* work_ = nullptr;
    uint64_t call_ = 0;
    int wanted_ = 0;   // of this call, not counting the caller
    int running_ = 0;  // of them
    std::exception_ptr failure_;
    std::vector<std::thread> threads_;
};

}  // namespace vitrine::simt
