// Sharing memory between decoding threads: see decode_memory.h.

#include "data/decode_memory.h"

#include <condition_variable>
#include <mutex>

namespace vitrine {
namespace {

class Budget {
  public:
    void take(int64_t bytes) {
        std::unique_lock lock(mutex_);
        const uint64_t ticket = next_ticket_++;
        // In the order of the tickets, or a stream of small images would keep a large one waiting for ever.
        changed_.wait(
            lock, [&] { return ticket == served_ && (used_ == 0 || used_ + bytes <= decode_memory_budget); });
        used_ += bytes;
        ++served_;
        changed_.notify_all();
    }

    void give_back(int64_t bytes) {
        const std::lock_guard lock(mutex_);
        used_ -= bytes;
        changed_.notify_all();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    uint64_t next_ticket_ = 0;
    uint64_t served_ = 0;
    int64_t used_ = 0;
};

Budget& budget() {
    static Budget shared;
    return shared;
}

struct Share {
    explicit Share(int64_t size) : bytes(size) { budget().take(bytes); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() { budget().give_back(bytes); }
    int64_t bytes;
};

}  // namespace

std::shared_ptr<const void> take_decode_memory(int64_t bytes) { return std::make_shared<const Share>(bytes); }

}  // namespace vitrine
