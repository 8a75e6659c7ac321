// What one request of a warp costs: see requests.h.

#include "kernels/simt/executor/requests.h"

namespace vitrine::simt {
namespace {

constexpr uint32_t warp_size = 32;
constexpr uintptr_t bank_bytes = 4;
constexpr uint32_t banks = 32;

/// The words that a group of lanes, which are served together, asks of each bank.
class Banks {
  public:
    void ask(uintptr_t word) {
        const uint32_t bank = word % banks;
        uintptr_t* const known = words_[bank];
        for (uint32_t i = 0; i < asked_[bank]; ++i) {
            if (known[i] == word) return;
        }
        known[asked_[bank]++] = word;
        passes_ = std::max(passes_, asked_[bank]);
    }
    /// Times that the banks must be read: the most words that any one of them must give.
    uint32_t passes() const { return passes_; }

  private:
    // A group asks for 32 words: for twice as many if each lane's bytes straddle two.
    uintptr_t words_[banks][2 * banks];
    uint32_t asked_[banks] = {};
    uint32_t passes_ = 0;
};

}  // namespace

RequestCost pass_cost(std::span<const uintptr_t, warp_size> addresses, uint32_t lanes, uint32_t bytes) {
    RequestCost cost;
    const uint32_t together = warp_size / std::max<uint32_t>(1, bytes / bank_bytes);
    for (uint32_t begin = 0; begin < warp_size; begin += together) {
        const uint32_t group = lanes >> begin & (~0u >> (warp_size - together));
        if (group == 0) continue;
        Banks asked;
        for (uint32_t left = group; left != 0; left &= left - 1) {
            const uintptr_t address = addresses[begin + static_cast<uint32_t>(__builtin_ctz(left))];
            const uintptr_t last = (address + bytes - 1) / bank_bytes;
            for (uintptr_t word = address / bank_bytes; word <= last; ++word) asked.ask(word);
        }
        cost.passes += asked.passes();
        ++cost.ideal_passes;
    }
    return cost;
}

SortedAddresses::SortedAddresses(std::span<const uintptr_t, warp_size> addresses, uint32_t lanes) {
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
        sorted_[count_++] = addresses[static_cast<size_t>(__builtin_ctz(left))];
    }
    const auto asked = std::span(sorted_).first(count_);
    if (!std::ranges::is_sorted(asked)) std::ranges::sort(asked);
}

}  // namespace vitrine::simt
