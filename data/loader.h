// The loader: batches in the order of an epoch, put together by background threads ahead of the training
// step.
//
// The order is a permutation drawn from {seed, RandomPurpose::shuffle, epoch} alone, or as many samples drawn by
// the weights of their classes from the same (weighted_sampler.h), and batch k is samples k·batch_size … of it:
// the same batches whatever the number of threads, and after any resume.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "data/image_set.h"
#include "data/weighted_sampler.h"
#include "engine/host_bytes.h"

namespace vitrine {

/// Images and labels of one step.
struct Batch {
    int64_t index = 0;  // in its epoch, from 0 on
    int64_t count = 0;
    HostBytes images;  // one after the other; empty without LoaderOptions::pixels
    std::vector<ImagePlace>
        places;  // [count]: within `images`; without LoaderOptions::pixels, within the set's block
    std::vector<int32_t> labels;   // [count]
    std::vector<int64_t> samples;  // [count], indices into the ImageSet
    /// [count], in the epoch, where a sample may come more than once in it; else empty.
    std::vector<int64_t> positions;

    /// What tells the images of an epoch apart, for whoever draws something for each of them.
    const std::vector<int64_t>& distinct() const { return positions.empty() ? samples : positions; }
};

/// The images of these samples.
Batch batch_of(const ImageSet& set, std::vector<int64_t> samples);

/// Of so many equal parts of a batch one, as a batch of its own but for the pixels: its places are within the batch's. Its index
/// counts parts.
Batch part_of(const Batch& batch, int64_t part, int64_t parts);

/// All images of a set in their order.
Batch whole_batch(const ImageSet& set);

/// Of `of` equal parts of each batch `count` neighbours from `first` on.
struct BatchShare {
    int64_t first = 0;
    int64_t count = 1;
    int64_t of = 1;
};

/// Of every `of` batches the one with this number.
struct BatchTurn {
    int64_t number = 0;
    int64_t of = 1;
};

struct LoaderOptions {
    int64_t batch_size = 128;
    bool shuffle = true;
    /// Of each class: in place of shuffling, as many samples as there are are drawn by them, with replacement.
    /// Empty: each sample comes once.
    std::vector<double> class_weights{};
    uint64_t seed = 0;
    /// Leaves out the last batch of an epoch where it is not full.
    bool drop_last = false;
    /// Whether batches hold pixels, or only indices and labels for a consumer that has the images already.
    bool pixels = true;
    /// The device that they will be sent to: its copies read them where they are (engine/host_bytes.h).
    std::optional<Device> sent_to{};
    /// Whose pixels are fetched and copied: those of the other parts are for other processes. Where there are parts, all
    /// batches must be whole.
    BatchShare share{};
    /// Of which batches pixels are fetched and copied: the others are for other processes, and have samples and labels alone.
    BatchTurn turn{};
    /// Copying decoded pixels is light: one thread fills tens of thousands of 64 x 64 images a second.
    int threads = 1;
    /// How many batches may be ready ahead of the step.
    int queue = 4;
};

/// Serves one consumer. `set` must outlive the loader. Throws Error where an option is out of its range or
/// the set is too small for a single batch.
class Loader {
  public:
    Loader(const ImageSet& set, const LoaderOptions& options);
    ~Loader();
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    /// Batches in an epoch.
    int64_t batches() const { return batches_; }

    /// Begins an epoch at batch `first_batch` (0 … batches()), wherever the loader was before.
    void start_epoch(int64_t epoch, int64_t first_batch = 0);

    /// Waits for the next batch and swaps it into `batch`, whose old memory goes back to the workers as soon as the
    /// device has what it was sent of it; false at the end of the epoch. What a worker threw while it made this batch is thrown here, each time that
    /// it is asked for.
    bool next(Batch& batch);
    /// Whether next() has a batch, and neither waits for it nor throws what a worker threw.
    bool is_ready();

  private:
    struct Slot {
        Batch batch;
        std::exception_ptr failure;
        bool ready = false;
    };

    std::vector<int64_t> order_of(uint32_t epoch) const;
    void work();
    /// Makes the next batch, without the lock meanwhile.
    void fill_next(std::unique_lock<std::mutex>& lock);
    void fill(int64_t index, Batch& batch) const;
    Slot& slot_of(int64_t index) { return slots_[static_cast<size_t>(index) % slots_.size()]; }

    const ImageSet& set_;
    const LoaderOptions options_;
    int64_t batches_ = 0;
    std::optional<WeightedSampler> sampler_;
    std::vector<int64_t> order_;

    std::mutex mutex_;
    std::condition_variable work_available_;  // a free slot, or the end
    std::condition_variable batch_ready_;     // a filled slot, or an idle worker
    std::vector<Slot> slots_;                 // batch k waits in slot k mod size
    int64_t next_to_fill_ = 0;                // batch that the next free worker takes
    int64_t next_to_serve_ = 0;               // batch that next() returns
    int64_t busy_workers_ = 0;
    bool ending_ = false;
    std::vector<std::jthread> workers_;  // last, so that it ends before what it uses
};

}  // namespace vitrine
