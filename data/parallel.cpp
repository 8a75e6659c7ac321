// A loop shared by threads: see parallel.h.

#include "data/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace vitrine {
namespace {

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
        const std::lock_guard lock(mutex_);
        --running_;
        ended_.notify_one();
    }

    void report_until_done(const ProgressCallback& progress) {
        std::unique_lock lock(mutex_);
        while (!ended_.wait_for(lock, std::chrono::milliseconds(100), [this] { return running_ == 0; })) {
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

}  // namespace

int resolve_threads(int threads) {
    return threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& work,
                  const ProgressCallback& progress) {
    const int workers =
        static_cast<int>(std::clamp<int64_t>(resolve_threads(threads), 1, std::max<int64_t>(count, 1)));
    Loop loop(count, workers, work);
    {
        std::vector<std::jthread> pool;
        for (int i = 0; i < workers; ++i) pool.emplace_back([&loop] { loop.work_until_done(); });
        loop.report_until_done(progress);
    }
    loop.rethrow_failure();
    if (progress) progress(count, count);
}

}  // namespace vitrine
