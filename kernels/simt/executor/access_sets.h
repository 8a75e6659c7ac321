// Sets of accesses to a word by several blocks of a launch, for the words that a cell has no room for.
//
// Many words are read by the same blocks one after another, so equal sets are kept once: a set is a number.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "kernels/simt/executor/cell.h"

namespace vitrine::simt {

/// Of one launch. All OS threads that run its blocks use it.
class AccessSets {
  public:
    /// Accesses by several blocks of which no account was kept: nothing can be ordered after all of them.
    static constexpr uint32_t unknown = 0;
    /// More sets than there is room for: ordered after whatever could be, so that no race is invented.
    static constexpr uint32_t overfull = 1;
    static constexpr uint32_t empty = 2;

    /// The set with a block's accesses in place of what it has of that block.
    uint32_t with(uint32_t set, const AccessOfBlock& access);

    /// What the set has of a block's accesses; `when` is 0 if there are none.
    AccessOfBlock of_block(uint32_t set, uint32_t block) const;

    /// Whether f is true of each block's accesses, the newest block's first.
    template <class F>
    bool all_of(uint32_t set, F&& f) const {
        const std::lock_guard lock(mutex_);
        for (; set > empty; set = nodes_[set].rest) {
            if (!f(nodes_[set].access)) return false;
        }
        return set == empty;
    }

  private:
    struct Node {
        uint32_t rest;  // the set without this
        AccessOfBlock access;

        bool operator==(const Node&) const = default;
    };
    struct Hash {
        size_t operator()(const Node& node) const;
    };

    uint32_t inserted(uint32_t set, const AccessOfBlock& access);
    uint32_t made(const Node& node);

    mutable std::mutex mutex_;
    std::vector<Node> nodes_;  // the first three stand for no set
    std::unordered_map<Node, uint32_t, Hash> known_;
};

}  // namespace vitrine::simt
