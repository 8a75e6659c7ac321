// Sets as linked nodes, each of them made once.

#include "kernels/simt/executor/access_sets.h"

namespace vitrine::simt {
namespace {

constexpr size_t most_nodes = size_t{1} << 20;

uint32_t block_of(const AccessOfBlock& access) { return static_cast<uint32_t>(access.when / block_unit); }

}  // namespace

size_t AccessSets::Hash::operator()(const Node& node) const {
    uint64_t hash = node.rest;
    for (const uint64_t part : {uint64_t{node.access.when}, uint64_t{node.access.code},
                                uint64_t{node.access.lanes} << 16 | node.access.who}) {
        hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return hash;
}

uint32_t AccessSets::with(uint32_t set, const AccessOfBlock& access) {
    const std::lock_guard lock(mutex_);
    return inserted(set, access);
}

AccessOfBlock AccessSets::of_block(uint32_t set, uint32_t block) const {
    const std::lock_guard lock(mutex_);
    while (set > empty && block_of(nodes_[set].access) > block) set = nodes_[set].rest;
    return set > empty && block_of(nodes_[set].access) == block ? nodes_[set].access : AccessOfBlock{};
}

/// Ordered by block, the newest at the front: what comes in is mostly newer still.
uint32_t AccessSets::inserted(uint32_t set, const AccessOfBlock& access) {
    if (set < empty) return set;
    std::vector<AccessOfBlock> newer;
    while (set > empty && block_of(nodes_[set].access) > block_of(access)) {
        newer.push_back(nodes_[set].access);
        set = nodes_[set].rest;
    }
    if (set > empty && block_of(nodes_[set].access) == block_of(access)) set = nodes_[set].rest;
    set = made({set, access});
    for (; !newer.empty(); newer.pop_back()) set = made({set, newer.back()});
    return set;
}

uint32_t AccessSets::made(const Node& node) {
    if (node.rest == overfull) return overfull;
    if (nodes_.empty()) nodes_.resize(empty + 1);
    if (nodes_.size() >= most_nodes) return overfull;
    const auto [place, fresh] = known_.try_emplace(node, static_cast<uint32_t>(nodes_.size()));
    if (fresh) nodes_.push_back(node);
    return place->second;
}

}  // namespace vitrine::simt
