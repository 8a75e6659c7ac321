// The memory that decoding threads share: never more than the budget at once, and no one waits for ever.

#include "data/decode_memory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

using namespace vitrine;

namespace {

/// What threads hold together, and the most that they ever did.
class Watch {
  public:
    void change(int64_t bytes) {
        const std::lock_guard lock(mutex_);
        held_ += bytes;
        most_ = std::max(most_, held_);
    }
    int64_t most() const { return most_; }

  private:
    std::mutex mutex_;
    int64_t held_ = 0;
    int64_t most_ = 0;
};

/// The most that threads held at once that each take one of these shares a few times.
int64_t most_held(const std::vector<int64_t>& shares) {
    Watch watch;
    std::vector<std::jthread> threads;
    for (const int64_t bytes : shares) {
        threads.emplace_back([bytes, &watch] {
            for (int i = 0; i < 5; ++i) {
                const auto share = take_decode_memory(bytes);
                watch.change(bytes);
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
                watch.change(-bytes);
            }
        });
    }
    threads.clear();
    return watch.most();
}

}  // namespace

TEST_CASE("threads together take no more than the budget for decoding") {
    const int64_t third = decode_memory_budget / 3;
    const int64_t most = most_held(std::vector<int64_t>(12, third));
    CHECK(most <= decode_memory_budget);
    CHECK(most >= 2 * third);  // and they do work side by side
}

TEST_CASE("an image that needs more than the budget is decoded alone, among small ones too") {
    const int64_t large = 2 * decode_memory_budget;
    std::vector<int64_t> shares(8, 1000);
    shares.push_back(large);
    CHECK(most_held(shares) == large);
}
