// Inputs, one of them ahead: see input_stream.h.

#include "tools/common/input_stream.h"

#include <utility>

#include "engine/step/ahead.h"

namespace vitrine::tools {

InputStream::InputStream(Loader& loader, const InputMaker& inputs, const BatchShare& share)
    : loader_(loader), inputs_(inputs), share_(share) {}

void InputStream::start_epoch(int64_t epoch, int64_t first_batch) {
    made_.reset();
    has_next_ = false;
    epoch_ = static_cast<uint32_t>(epoch);
    loader_.start_epoch(epoch, first_batch);
}

bool InputStream::next() {
    if (!has_next_ && !loader_.next(other())) return false;
    has_next_ = false;
    current_ = 1 - current_;
    taken_ = 0;
    return true;
}

NetworkInput InputStream::take() {
    NetworkInput input = made_ ? std::move(*made_) : make(batch(), taken_);
    made_.reset();
    ++taken_;
    wait_for_ahead(inputs_.device());
    make_ahead();
    return input;
}

NetworkInput InputStream::make(const Batch& batch, int64_t shard) const {
    return inputs_.make(part_of(batch, share_.first + shard, share_.of), batch.images, epoch_);
}

/// Not where the loader is late: a step whose input is there does not wait for another's.
void InputStream::make_ahead() {
    if (!has_input_lane(inputs_.device())) return;
    const bool of_this_batch = taken_ < share_.count;
    if (!of_this_batch && !has_next_) has_next_ = loader_.is_ready() && loader_.next(other());
    if (!of_this_batch && !has_next_) return;
    const AheadOfStep ahead(inputs_.device());
    made_ = of_this_batch ? make(batch(), taken_) : make(other(), 0);
}

}  // namespace vitrine::tools
