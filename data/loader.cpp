// A bounded queue of batches filled by threads: see loader.h.

#include "data/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>

#include "engine/error.h"
#include "engine/random.h"

namespace vitrine {
namespace {

/// Brings the pixels of samples [begin, end) into the batch.
void copy_pixels(const ImageSet& set, size_t begin, size_t end, Batch& batch) {
    int64_t bytes = 0;
    for (size_t i = begin; i < end; ++i) {
        ImagePlace& place = batch.places[i];
        place.offset = std::exchange(bytes, bytes + place.bytes());
    }
    batch.images.resize(static_cast<size_t>(bytes));
    for (size_t i = begin; i < end; ++i)
        std::copy_n(set.image(batch.samples[i]), batch.places[i].bytes(),
                    batch.images.begin() + batch.places[i].offset);
}

enum class Pixels : unsigned char { none, fetched, copied };

/// The batch of these samples, and the pixels of a share of them.
void fill_batch(const ImageSet& set, Pixels pixels, const BatchShare& share, Batch& batch) {
    batch.count = std::ssize(batch.samples);
    if (batch.count % share.of != 0) throw std::logic_error("a share of a batch that has no equal parts");
    batch.places.clear();
    batch.labels.clear();
    batch.images.clear();
    for (const int64_t sample : batch.samples) {
        batch.places.push_back(set.place(sample));
        batch.labels.push_back(set.labels.at(static_cast<size_t>(sample)));
    }
    if (pixels == Pixels::none) return;
    const auto part = static_cast<size_t>(batch.count / share.of);
    const size_t begin = static_cast<size_t>(share.first) * part;
    const size_t count = static_cast<size_t>(share.count) * part;
    // Here, ahead of the step that reads them from the set itself.
    set.fetch(std::span(batch.samples).subspan(begin, count));
    if (pixels == Pixels::copied) copy_pixels(set, begin, begin + count, batch);
}

}  // namespace

Batch batch_of(const ImageSet& set, std::vector<int64_t> samples) {
    Batch batch;
    batch.samples = std::move(samples);
    fill_batch(set, Pixels::copied, {}, batch);
    return batch;
}

Batch part_of(const Batch& batch, int64_t part, int64_t parts) {
    if (batch.count % parts != 0) throw std::logic_error("a batch in parts of unlike sizes");
    Batch one;
    one.index = batch.index * parts + part;
    one.count = batch.count / parts;
    const int64_t begin = part * one.count, end = begin + one.count;
    const auto take = [&](const auto& all, auto& its) {
        if (!all.empty()) its.assign(all.begin() + begin, all.begin() + end);
    };
    take(batch.places, one.places);
    take(batch.labels, one.labels);
    take(batch.samples, one.samples);
    take(batch.positions, one.positions);
    return one;
}

Batch whole_batch(const ImageSet& set) {
    std::vector<int64_t> all(static_cast<size_t>(set.count));
    std::iota(all.begin(), all.end(), 0);
    return batch_of(set, std::move(all));
}

Loader::Loader(const ImageSet& set, const LoaderOptions& options) : set_(set), options_(options) {
    if (options.batch_size < 1) {
        throw Error(fmt::format("the batch size is {}; 1 or more is allowed", options.batch_size));
    }
    if (options.threads < 1 || options.queue < 1) {
        throw Error(
            fmt::format("the loader has {} threads and a queue of {} batches; 1 or more of each is allowed",
                        options.threads, options.queue));
    }
    batches_ = (set.count + (options.drop_last ? 0 : options.batch_size - 1)) / options.batch_size;
    if (batches_ == 0) {
        throw Error(fmt::format("the set of {} images does not fill a single batch of {}", set.count,
                                options.batch_size));
    }
    if (!options.class_weights.empty()) sampler_.emplace(set.labels, options.class_weights);
    next_to_fill_ = next_to_serve_ = batches_;  // nothing to do before start_epoch
    slots_.resize(static_cast<size_t>(options.queue));
    try {
        while (std::ssize(workers_) < options.threads) workers_.emplace_back([this] { work(); });
    } catch (const std::exception&) {
        // The system has no more threads for us: with fewer, or with none, the batches are the same.
    }
}

Loader::~Loader() {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    work_available_.notify_all();
}

void Loader::start_epoch(int64_t epoch, int64_t first_batch) {
    if (first_batch < 0 || first_batch > batches_) {
        throw std::logic_error(
            fmt::format("Loader: an epoch of {} batches cannot begin at {}", batches_, first_batch));
    }
    std::unique_lock lock(mutex_);
    next_to_fill_ = batches_;  // the workers finish what they are at and take nothing new
    batch_ready_.wait(lock, [this] { return busy_workers_ == 0; });
    order_ = order_of(static_cast<uint32_t>(epoch));
    for (Slot& slot : slots_) slot.ready = false;
    next_to_fill_ = next_to_serve_ = first_batch;
    work_available_.notify_all();
}

std::vector<int64_t> Loader::order_of(uint32_t epoch) const {
    if (sampler_) return sampler_->draw(options_.seed, epoch, set_.count);
    if (options_.shuffle)
        return random_permutation({options_.seed, RandomPurpose::shuffle, epoch}, set_.count);
    std::vector<int64_t> order(static_cast<size_t>(set_.count));
    std::iota(order.begin(), order.end(), 0);
    return order;
}

bool Loader::next(Batch& batch) {
    // Of the batches before, also at the end of an epoch: their pixels may have been read from the block
    // itself.
    set_.pixels.require_intact();
    batch.images.wait();  // without the lock: the workers go on meanwhile
    std::unique_lock lock(mutex_);
    if (next_to_serve_ == batches_) return false;
    if (workers_.empty()) fill_next(lock);
    Slot& slot = slot_of(next_to_serve_);
    batch_ready_.wait(lock, [&slot] { return slot.ready; });
    if (slot.failure) std::rethrow_exception(slot.failure);
    std::swap(batch, slot.batch);
    slot.ready = false;
    ++next_to_serve_;
    work_available_.notify_one();
    return true;
}

bool Loader::is_ready() {
    const std::lock_guard lock(mutex_);
    if (next_to_serve_ == batches_) return false;
    const Slot& slot = slot_of(next_to_serve_);
    return slot.ready && !slot.failure;
}

void Loader::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        work_available_.wait(lock, [this] {
            const bool room = next_to_fill_ < next_to_serve_ + static_cast<int64_t>(slots_.size());
            return ending_ || (next_to_fill_ < batches_ && room);
        });
        if (ending_) return;
        fill_next(lock);
    }
}

void Loader::fill_next(std::unique_lock<std::mutex>& lock) {
    const int64_t index = next_to_fill_++;
    Slot& slot = slot_of(index);
    ++busy_workers_;
    lock.unlock();
    std::exception_ptr failure;
    try {
        fill(index, slot.batch);
    } catch (...) {
        failure = std::current_exception();
    }
    lock.lock();
    --busy_workers_;
    slot.failure = failure;
    slot.ready = true;
    batch_ready_.notify_all();
}

void Loader::fill(int64_t index, Batch& batch) const {
    const int64_t first = index * options_.batch_size;
    const int64_t count = std::min(options_.batch_size, set_.count - first);
    batch.index = index;
    if (batch.images.device() != options_.sent_to)
        batch.images = options_.sent_to ? HostBytes(*options_.sent_to) : HostBytes();
    batch.samples.assign(order_.begin() + first, order_.begin() + first + count);
    batch.positions.resize(sampler_ ? static_cast<size_t>(count) : 0);
    std::iota(batch.positions.begin(), batch.positions.end(), first);
    const bool is_own = index % options_.turn.of == options_.turn.number;
    const Pixels pixels = !is_own ? Pixels::none : options_.pixels ? Pixels::copied : Pixels::fetched;
    fill_batch(set_, pixels, options_.share, batch);
}

}  // namespace vitrine
