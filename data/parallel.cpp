// A loop shared by threads: see parallel.h.

#include "data/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "engine/cores.h"

namespace vitrine {
namespace {

constexpr std::chrono::milliseconds progress_interval{100};

/// Enough items a turn that the shared counter costs nothing, few enough that no thread ends long after the
/// others.
int64_t items_a_turn(int64_t count, int threads) {
    return std::clamp<int64_t>(count / (threads * 64), 1, 256);
}

class Loop {
  public:
    Loop(int64_t count, int threads, const std::function<void(int64_t)>& work)
        : count_(count), turn_(items_a_turn(count, threads)), work_(work), running_(threads) {}

    void work_until_done() {
        try {
            for (;;) {
                const int64_t first = next_.fetch_add(turn_);
                const int64_t end = std::min(first + turn_, count_);
                if (first >= count_) break;
                for (int64_t i = first; i < end && !stopped_; ++i, ++done_) work_(i);
            }
        } catch (...) {
            stop(std::current_exception());
        }
        leave(1);
    }

    /// So many threads have no part in it any more.
    void leave(int threads) {
        const std::lock_guard lock(mutex_);
        running_ -= threads;
        ended_.notify_one();
    }

    void report_until_done(const ProgressCallback& progress) {
        std::unique_lock lock(mutex_);
        while (!ended_.wait_for(lock, progress_interval, [this] { return running_ == 0; })) {
            lock.unlock();
            try {
                if (progress) progress(done_, count_);
            } catch (...) {
                stop(std::current_exception());
            }
            lock.lock();
        }
    }

    void stop(std::exception_ptr failure) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = failure;
        stopped_ = true;
        next_ = count_;
    }

    void rethrow_failure() const {
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    const int64_t count_;
    const int64_t turn_;
    const std::function<void(int64_t)>& work_;
    std::atomic<int64_t> next_ = 0;
    std::atomic<int64_t> done_ = 0;
    std::atomic<bool> stopped_ = false;
    std::mutex mutex_;
    std::condition_variable ended_;
    int running_;
    std::exception_ptr failure_;
};

/// Starts up to so many threads: fewer where the system has no more of them.
std::vector<std::jthread> start_threads(int count, const std::function<void()>& work) {
    std::vector<std::jthread> threads;
    try {
        while (std::ssize(threads) < count) threads.emplace_back(work);
    } catch (const std::system_error&) {
    }
    return threads;
}

void work_alone(int64_t count, const std::function<void(int64_t)>& work, const ProgressCallback& progress) {
    auto told = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < count; ++i) {
        work(i);
        const auto now = std::chrono::steady_clock::now();
        if (!progress || now - told < progress_interval) continue;
        progress(i + 1, count);
        told = now;
    }
}

}  // namespace

int resolve_threads(int threads) { return threads > 0 ? threads : usable_cores(); }

void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& work,
                  const ProgressCallback& progress) {
    const int workers =
        static_cast<int>(std::clamp<int64_t>(resolve_threads(threads), 1, std::max<int64_t>(count, 1)));
    Loop loop(count, workers, work);
    {
        const auto pool = start_threads(workers, [&loop] { loop.work_until_done(); });
        if (pool.empty()) {
            work_alone(count, work, progress);
        } else {
            loop.leave(workers - static_cast<int>(pool.size()));
            loop.report_until_done(progress);
        }
    }
    loop.rethrow_failure();
    if (progress) progress(count, count);
}

}  // namespace vitrine
