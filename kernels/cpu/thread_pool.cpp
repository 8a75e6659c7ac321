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

/// Indices of a loop that one thread begins with, in their order.
struct alignas(64) Share {
    std::atomic<int64_t> next = 0;
    int64_t end = 0;

    void take_all(LoopBody body) {
        if (next.load(std::memory_order_relaxed) >= end) return;
        for (int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < end;
             i = next.fetch_add(1, std::memory_order_relaxed)) {
            body.call(body.body, i);
        }
    }
};

/// The loop that runs now, if any. `state_` says whether it is open, and how many helpers are inside: the
/// fields change only while it is closed and nobody is.
class Loop {
  public:
    void open(int64_t count, int threads, LoopBody body) {
        body_ = body;
        if (std::ssize(shares_) != threads) shares_ = std::vector<Share>(static_cast<size_t>(threads));
        for (int t = 0; t < threads; ++t) {
            Share& share = shares_[static_cast<size_t>(t)];
            share.next.store(first_of(count, t, threads), std::memory_order_relaxed);
            share.end = first_of(count, t + 1, threads);
        }
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

    /// Without overflow: count · t / threads.
    static int64_t first_of(int64_t count, int t, int threads) {
        return count / threads * t + count % threads * t / threads;
    }

    /// Its own share first, then what is left of the others'.
    void take_indices() {
        const size_t threads = shares_.size(), own = static_cast<size_t>(own_index);
        for (size_t i = 0; i < threads; ++i) shares_[(own + i) % threads].take_all(body_);
    }

    LoopBody body_{};
    std::vector<Share> shares_;
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
        loop_.open(count, threads, body);
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
