// Logs of releases, and what is known of them.

#include "kernels/simt/executor/releases.h"

#include <algorithm>
#include <functional>

namespace vitrine::simt {
namespace {

constexpr uint32_t warp_size = 32;
// Beyond these, what a fence could have ordered counts as ordered: memory has an end.
constexpr size_t most_logs_known = 256;
constexpr size_t most_releases = size_t{1} << 19;

}  // namespace

Knowledge Knowledge::of(uint32_t log, uint32_t length) {
    Knowledge result;
    result.entries_.push_back({log, length});
    return result;
}

Knowledge Knowledge::of_everything() {
    Knowledge result;
    result.everything_ = true;
    return result;
}

void Knowledge::join(const Knowledge& other) {
    std::vector<Entry> both;
    both.reserve(entries_.size() + other.entries_.size());
    std::ranges::merge(entries_, other.entries_, std::back_inserter(both), {}, &Entry::log, &Entry::log);
    entries_.clear();
    for (const Entry& entry : both) {
        if (!entries_.empty() && entries_.back().log == entry.log) {
            entries_.back().length = std::max(entries_.back().length, entry.length);
        } else {
            entries_.push_back(entry);
        }
    }
    everything_ |= other.everything_ || entries_.size() > most_logs_known;
    if (everything_) entries_.clear();
}

bool Knowledge::includes(const Knowledge& other) const {
    if (everything_ || other.everything_) return everything_;
    auto mine = entries_.begin();
    for (const Entry& entry : other.entries_) {
        while (mine != entries_.end() && mine->log < entry.log) ++mine;
        if (mine == entries_.end() || mine->log != entry.log || mine->length < entry.length) return false;
    }
    return true;
}

SharedKnowledge joined(const SharedKnowledge& a, const SharedKnowledge& b) {
    if (b == nullptr || a == b) return a;
    if (a == nullptr || b->includes(*a)) return b;
    if (a->includes(*b)) return a;
    Knowledge both = *a;
    both.join(*b);
    return std::make_shared<const Knowledge>(std::move(both));
}

bool Fenced::holds(uint32_t clock, uint32_t rank) const {
    return clock < before || std::ranges::any_of(runs, [&](const Run& run) {
               return run.first <= rank && rank <= run.last && clock <= run.clock;
           });
}

SharedKnowledge Releases::acquired_from(const AtomicWord& word) const {
    if (overfull_) return std::make_shared<const Knowledge>(Knowledge::of_everything());
    const auto log = logs_of_words_.find(word);
    return log == logs_of_words_.end() ? nullptr : logs_[log->second].releases.back().known;
}

void Releases::release(const AtomicWord& word, AtomicBy by, const SharedFenced& fenced) {
    if (overfull_ || ++count_ > most_releases) {
        overfull_ = true;
        return;
    }
    const auto [place, fresh] = logs_of_words_.try_emplace(word, static_cast<uint32_t>(logs_.size()));
    if (fresh) logs_.emplace_back();
    Log& log = logs_[place->second];
    const auto length = static_cast<uint32_t>(log.releases.size() + 1);
    SharedKnowledge known =
        joined(fenced->known, std::make_shared<const Knowledge>(Knowledge::of(place->second, length)));
    if (!fresh) known = joined(known, log.releases.back().known);
    log.of_block[fenced->block].push_back(length - 1);
    log.releases.push_back({fenced, by, std::move(known)});
}

void Releases::forget(uintptr_t address, size_t bytes) {
    const std::lock_guard lock(mutex_);
    // A word that begins before the written bytes and reaches into them is at most 8 bytes long.
    auto log = logs_of_words_.lower_bound({address - 7, 0});
    while (log != logs_of_words_.end() && log->first.address < address + bytes) {
        log = logs_of_words_.erase(log);
    }
}

/// Whether it is true of one of the block's releases that are known, the latest first.
template <class F>
bool Releases::any_release(const Knowledge& known, uint32_t block, F&& f) const {
    for (const Knowledge::Entry& entry : known.entries()) {
        const Log& log = logs_[entry.log];
        const auto places = log.of_block.find(block);
        if (places == log.of_block.end()) continue;
        const auto end = std::ranges::lower_bound(places->second, entry.length);
        for (auto place = end; place != places->second.begin();) {
            if (f(log.releases[*--place])) return true;
        }
    }
    return false;
}

bool Releases::includes(const Knowledge& known, uint32_t block, uint32_t clock, uint32_t rank) const {
    return any_release(known, block, [&](const Release& release) {
        return release.fenced->holds(clock, rank) || (release.by.rank == rank && release.by.clock == clock);
    });
}

/// Whether it includes all accesses of a block at a clock, whose threads a cell has no room for.
bool Releases::includes_all_threads(const Knowledge& known, uint32_t block, uint32_t clock) const {
    std::vector<bool> included(threads_per_block_);
    return any_release(known, block, [&](const Release& release) {
        if (clock < release.fenced->before) return true;
        for (const Fenced::Run& run : release.fenced->runs) {
            if (clock > run.clock) continue;
            for (uint32_t rank = run.first; rank <= run.last; ++rank) included[rank] = true;
        }
        return std::ranges::all_of(included, std::identity{});
    });
}

bool Releases::includes(const Knowledge& known, const AccessOfBlock& access) const {
    if (known.everything()) return true;
    const auto block = static_cast<uint32_t>(access.when / block_unit);
    const auto clock = static_cast<uint32_t>(access.when);
    const std::lock_guard lock(mutex_);
    if ((access.who & who_many_warps) != 0) {
        // Of atomics, one that is known stands for all.
        return (access.who & who_atomic) != 0 ? any_release(known, block, [](const Release&) { return true; })
                                              : includes_all_threads(known, block, clock);
    }
    const uint32_t first = (access.who & who_thread) / warp_size * warp_size;
    for (uint32_t left = access.lanes; left != 0; left &= left - 1) {
        const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
        if (!includes(known, block, clock, first + lane)) return false;
    }
    return true;
}

}  // namespace vitrine::simt
