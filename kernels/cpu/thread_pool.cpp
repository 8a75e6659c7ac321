// The thread pool: see thread_pool.h.

#include "kernels/cpu/thread_pool.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace vitrine::cpu {
namespace {

thread_local int own_index = 0;
thread_local bool inside_loop = false;

/// How long a thread stays awake for the next loop. Within a step there is rarely a longer pause between two
/// of them, and to wake a sleeping thread costs about as much as a small loop.
constexpr std::chrono::microseconds patience{100};

/// Waits until `value` differs from `old`: awake at first, leaving the core to any other thread that wants
/// it, and then asleep. Whoever changes the value must notify.
template <class T>
void wait_for_change(const std::atomic<T>& value, T old) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (value.load(std::memory_order_acquire) == old) {
        if (std::chrono::steady_clock::now() > end) {
            value.wait(old, std::memory_order_acquire);
            return;
        }
        std::this_thread::yield();
    }
}

/// The loop that runs now, if any. `state_` says whether it is open, and how many helpers are inside: the
/// fields change only while it is closed and nobody is.
class Loop {
  public:
    void open(int64_t count, LoopBody body) {
        count_ = count;
        body_ = body;
        next_.store(0, std::memory_order_relaxed);
        state_.store(is_open, std::memory_order_release);
    }

    /// Returns once every index has been taken and the helpers who took one are done.
    void work_and_close() {
        take_indices();
        for (uint32_t inside = state_.fetch_and(~is_open, std::memory_order_acq_rel) & ~is_open; inside != 0;
             inside = state_.load(std::memory_order_acquire)) {
            wait_for_change(state_, inside);
        }
    }

    /// Nothing, where the loop is closed.
    void help() {
        uint32_t state = state_.load(std::memory_order_relaxed);
        do {
            if ((state & is_open) == 0) return;
        } while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire));
        take_indices();
        state_.fetch_sub(1, std::memory_order_release);
        state_.notify_one();
    }

  private:
    static constexpr uint32_t is_open = uint32_t{1} << 31;

    void take_indices() {
        for (int64_t i = next_.fetch_add(1, std::memory_order_relaxed); i < count_;
             i = next_.fetch_add(1, std::memory_order_relaxed)) {
            body_.call(body_.body, i);
        }
    }

    int64_t count_ = 0;
    LoopBody body_{};
    alignas(64) std::atomic<int64_t> next_ = 0;
    alignas(64) std::atomic<uint32_t> state_ = 0;
};

class ThreadPool {
  public:
    ~ThreadPool() { dismiss(); }

    /// Whether the loop was run: it is not while another one runs.
    bool try_run(int64_t count, int threads, LoopBody body) {
        const std::unique_lock alone(running_, std::try_to_lock);
        if (!alone) return false;
        hire(static_cast<size_t>(threads) - 1);
        loop_.open(count, body);
        loops_.fetch_add(1, std::memory_order_release);
        loops_.notify_all();
        loop_.work_and_close();
        return true;
    }

  private:
    /// Where the system has no more threads for us, those that there are do the work.
    void hire(size_t helpers) {
        if (helpers == wanted_) return;
        dismiss();
        wanted_ = helpers;
        try {
            while (helpers_.size() < helpers)
                helpers_.emplace_back(
                    [this, index = static_cast<int>(helpers_.size()) + 1] { serve(index); });
        } catch (const std::system_error&) {
        }
    }

    void dismiss() {
        ended_.store(true, std::memory_order_relaxed);
        loops_.fetch_add(1, std::memory_order_release);
        loops_.notify_all();
        helpers_.clear();  // joins them
        ended_.store(false, std::memory_order_relaxed);
    }

    void serve(int index) {
        own_index = index;
        inside_loop = true;
        for (uint32_t seen = 0;;) {
            wait_for_change(loops_, seen);
            seen = loops_.load(std::memory_order_acquire);
            if (ended_.load(std::memory_order_relaxed)) return;
            loop_.help();
        }
    }

    std::mutex running_;
    Loop loop_;
    std::atomic<uint32_t> loops_ = 0;  // begun so far; a change is all that counts
    std::atomic<bool> ended_ = false;
    std::vector<std::jthread> helpers_;
    size_t wanted_ = 0;  // helpers; there may be fewer
};

void run_alone(int64_t count, LoopBody body) {
    for (int64_t i = 0; i < count; ++i) body.call(body.body, i);
}

}  // namespace

void run_in_pool(int64_t count, int threads, LoopBody body) noexcept {
    static ThreadPool pool;
    if (inside_loop || threads <= 1 || count <= 1) return run_alone(count, body);
    inside_loop = true;
    if (!pool.try_run(count, threads, body)) run_alone(count, body);
    inside_loop = false;
}

int index_in_pool() { return own_index; }

}  // namespace vitrine::cpu
