// Fences, atomics and barriers of one block.

#include "kernels/simt/executor/fences.h"

#include <algorithm>

namespace vitrine::simt {
namespace {

constexpr uint32_t warp_size = 32;

/// Adds accesses of one thread up to a clock, beside those of its neighbour where the clocks are the same.
void add_run(std::vector<Fenced::Run>& runs, uint32_t rank, uint32_t clock) {
    if (!runs.empty() && runs.back().last + 1 == rank && runs.back().clock == clock) {
        runs.back().last = rank;
    } else {
        runs.push_back({rank, rank, clock});
    }
}

/// Of the threads' fences one that stands for all of them.
class Union {
  public:
    Union(uint32_t block, uint32_t threads) : clocks_(threads, 0) { result_.block = block; }

    void add(const SharedFenced& fenced) {
        if (fenced == nullptr || fenced == last_) return;
        last_ = fenced;
        any_ = true;
        result_.before = std::max(result_.before, fenced->before);
        result_.known = joined(result_.known, fenced->known);
        for (const Fenced::Run& run : fenced->runs) {
            for (uint32_t rank = run.first; rank <= run.last; ++rank) {
                clocks_[rank] = std::max(clocks_[rank], run.clock);
            }
        }
    }

    SharedFenced take() {
        if (!any_) return nullptr;
        result_.before = std::max(result_.before, std::ranges::min(clocks_) + 1);
        for (uint32_t rank = 0; rank < clocks_.size(); ++rank) {
            if (clocks_[rank] >= result_.before) add_run(result_.runs, rank, clocks_[rank]);
        }
        return std::make_shared<const Fenced>(std::move(result_));
    }

  private:
    Fenced result_;
    SharedFenced last_;
    std::vector<uint32_t> clocks_;
    bool any_ = false;
};

}  // namespace

Fences::Fences() : standings_(most_threads), is_apart_(most_threads, 0) {}

void Fences::begin_launch(Grid& grid) {
    releases_ = &grid.releases();
    sets_ = &grid.access_sets();
    if (anything_) forget_block();
}

void Fences::forget_block() {
    for (const uint32_t rank : apart_) {
        standings_[rank] = {};
        is_apart_[rank] = 0;
    }
    apart_.clear();
    common_ = {};
    anything_ = false;
}

Fences::Standing& Fences::apart(uint32_t rank) {
    anything_ = true;
    if (!is_apart_[rank]) {
        is_apart_[rank] = 1;
        apart_.push_back(rank);
        standings_[rank] = common_;
    }
    return standings_[rank];
}

void Fences::acquire(uint32_t rank, const ByScope<SharedKnowledge>& knowledge) {
    if (knowledge[0] == nullptr && knowledge[1] == nullptr) return;
    ByScope<SharedKnowledge>& pending = apart(rank).pending;
    for (size_t scope = 0; scope < 2; ++scope) pending[scope] = joined(pending[scope], knowledge[scope]);
}

void Fences::fence(const Now& now, FenceScope scope) {
    releases_->begin();
    Standing& its = apart(now.rank);
    for (size_t i = 0; i <= static_cast<size_t>(scope); ++i) {
        its.known = joined(its.known, its.pending[i]);
        its.pending[i] = nullptr;
    }
    // Whatever is past to the thread now; earlier fences of others that came by a barrier are older still.
    Fenced fenced{.block = block_, .before = now.interval_start, .runs = {}, .known = its.known};
    const uint32_t own = now.rank % warp_size;
    for (uint32_t lane = 0; lane < warp_size; ++lane) {
        const uint32_t clock = lane == own ? static_cast<uint32_t>(now.when) : now.clocks->known[own][lane];
        if (clock >= now.interval_start) add_run(fenced.runs, now.rank - own + lane, clock);
    }
    const auto all = std::make_shared<const Fenced>(std::move(fenced));
    for (size_t i = 0; i <= static_cast<size_t>(scope); ++i) its.fenced[i] = all;
}

void Fences::barrier(uint32_t threads) {
    ByScope<Union> fenced{Union(block_, threads), Union(block_, threads)};
    SharedKnowledge known = common_.known;
    const auto add = [&](const Standing& its) {
        known = joined(known, its.known);
        for (size_t scope = 0; scope < 2; ++scope) {
            fenced[scope].add(its.fenced[scope]);
            known = joined(known, its.pending[scope]);
        }
    };
    add(common_);
    for (const uint32_t rank : apart_) add(standings_[rank]);
    forget_block();
    common_ = {{fenced[0].take(), fenced[1].take()}, std::move(known), {}};
    anything_ = true;
}

void Fences::synchronise_lanes(uint32_t first_rank, uint32_t lanes) {
    const auto for_each = [&](auto&& f) {
        for (uint32_t left = lanes; left != 0; left &= left - 1) {
            f(first_rank + static_cast<uint32_t>(__builtin_ctz(left)));
        }
    };
    bool any = false;
    for_each([&](uint32_t rank) { any |= is_apart_[rank] != 0; });
    if (!any) return;
    ByScope<Union> fenced{Union(block_, most_threads), Union(block_, most_threads)};
    Standing all;
    for_each([&](uint32_t rank) {
        const Standing& its = of(rank);
        all.known = joined(all.known, its.known);
        for (size_t scope = 0; scope < 2; ++scope) {
            fenced[scope].add(its.fenced[scope]);
            all.pending[scope] = joined(all.pending[scope], its.pending[scope]);
        }
    });
    all.fenced = {fenced[0].take(), fenced[1].take()};
    for_each([&](uint32_t rank) { apart(rank) = all; });
}

bool Fences::knows(uint32_t rank, const AccessOfBlock& access) const {
    const SharedKnowledge& known = of(rank).known;
    return known != nullptr && releases_->includes(*known, access);
}

}  // namespace vitrine::simt
