// What fences and atomics make known among the threads of a launch.
//
// A thread that passes a fence and then changes a word atomically releases what came before the fence; one
// that changes the word atomically later on and then passes a fence knows of it. Each word has a log of its
// releases. Whoever acquires takes all of a log as it is then, so what somebody knows is a length for each
// log, and not a clock for each thread of the grid.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/simt/executor/cell.h"

namespace vitrine::simt {

/// How much somebody knows of each log.
class Knowledge {
  public:
    struct Entry {
        uint32_t log;
        uint32_t length;  // its first so many releases
    };

    void join(const Knowledge& other);
    /// Whether joining the other would change nothing.
    bool includes(const Knowledge& other) const;

    const std::vector<Entry>& entries() const { return entries_; }
    /// More than is worth keeping account of: taken for all that there is, so that no race is invented.
    bool everything() const { return everything_; }

    static Knowledge of(uint32_t log, uint32_t length);
    static Knowledge of_everything();

  private:
    std::vector<Entry> entries_;  // by log
    bool everything_ = false;
};

/// Null: nothing is known.
using SharedKnowledge = std::shared_ptr<const Knowledge>;

SharedKnowledge joined(const SharedKnowledge& a, const SharedKnowledge& b);

/// What came before a fence, or before several.
struct Fenced {
    struct Run {
        uint32_t first, last;  // threads, by rank
        uint32_t clock;
    };

    uint32_t block = 0;     // whose accesses: by the number that the launch gave it
    uint32_t before = 0;    // those of all its threads at lower clocks
    std::vector<Run> runs;  // beyond that, those of some threads up to their clocks
    SharedKnowledge known;  // of other blocks, and of this one by other ways than barriers

    bool holds(uint32_t clock, uint32_t rank) const;
};

using SharedFenced = std::shared_ptr<const Fenced>;

/// The running thread and its clock, which is this atomic operation's alone if the thread releases by it.
struct AtomicBy {
    uint32_t rank;
    uint32_t clock;
};

/// A word that is changed atomically; of a block's own log of it with the block's number, else with 0.
struct AtomicWord {
    uintptr_t address;
    uint32_t block;

    auto operator<=>(const AtomicWord&) const = default;
};

/// By FenceScope: what a fence for the block does, and one for the device.
template <class T>
using ByScope = std::array<T, 2>;

/// Of one launch. All OS threads that run its blocks use it.
class Releases {
  public:
    explicit Releases(uint32_t threads_per_block) : threads_per_block_(threads_per_block) {}

    /// Whether a thread of the launch has passed a fence, to be read atomically. Until then nothing can be
    /// released.
    const bool& begun() const { return begun_; }
    void begin() { __atomic_store_n(&begun_, true, __ATOMIC_SEQ_CST); }

    /// Runs `change`, the atomic operation itself, which returns whether it wrote; `fenced` is what its
    /// thread releases by that, or null: the operation itself is released too. Returns what can be known by
    /// it.
    template <class Change>
    ByScope<SharedKnowledge> at(const ByScope<AtomicWord>& words, AtomicBy by,
                                const ByScope<SharedFenced>& fenced, Change&& change) {
        const std::lock_guard lock(mutex_);
        ByScope<SharedKnowledge> acquired{acquired_from(words[0]), acquired_from(words[1])};
        if (!change()) return acquired;
        for (size_t scope = 0; scope < 2; ++scope) {
            if (fenced[scope] != nullptr) release(words[scope], by, fenced[scope]);
        }
        return acquired;
    }

    /// All that was released there so far.
    SharedKnowledge acquire(const AtomicWord& word) {
        const std::lock_guard lock(mutex_);
        return acquired_from(word);
    }

    /// A plain write to these bytes: nobody who sees it acquires what was released before.
    void forget(uintptr_t address, size_t bytes);

    /// Whether an access, as a cell remembers it, came before a fence that `known` includes.
    bool includes(const Knowledge& known, const AccessOfBlock& access) const;

  private:
    struct Release {
        SharedFenced fenced;
        AtomicBy by;
        SharedKnowledge known;  // from this and all earlier ones of the log
    };
    struct Log {
        std::vector<Release> releases;
        std::unordered_map<uint32_t, std::vector<uint32_t>> of_block;  // their places
    };

    SharedKnowledge acquired_from(const AtomicWord& word) const;
    void release(const AtomicWord& word, AtomicBy by, const SharedFenced& fenced);
    bool includes(const Knowledge& known, uint32_t block, uint32_t clock, uint32_t rank) const;
    bool includes_all_threads(const Knowledge& known, uint32_t block, uint32_t clock) const;
    template <class F>
    bool any_release(const Knowledge& known, uint32_t block, F&& f) const;

    const uint32_t threads_per_block_;
    mutable std::mutex mutex_;
    bool begun_ = false;
    std::map<AtomicWord, uint32_t> logs_of_words_;
    std::vector<Log> logs_;
    size_t count_ = 0;  // of releases
    bool overfull_ = false;
};

}  // namespace vitrine::simt
