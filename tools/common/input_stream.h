// The inputs of an epoch, batch after batch and shard after shard. A device that can do both makes one while it trains on
// the one before:
//
//     host      take 1, make 2 │ ask for step 1 │ take 2, make 3 │ ask for step 2 │ …
//     lane                       input 2                           input 3
//     device    input 1          step 1                            step 2
//
// Nothing else changes: what is made depends on epoch and sample alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "data/loader.h"
#include "engine/step/input.h"
#include "tools/common/input_maker.h"

namespace vitrine::tools {

class InputStream {
  public:
    /// Of each batch the shards of this share, one after the other. Loader and maker must outlive it.
    InputStream(Loader& loader, const InputMaker& inputs, const BatchShare& share = {});

    /// Begins an epoch at one of its batches, wherever the stream was before.
    void start_epoch(int64_t epoch, int64_t first_batch = 0);
    /// On to the next batch; false at the end of the epoch. Throws what Loader::next does.
    bool next();
    /// The one that next() came to: valid until next() is called again.
    const Batch& batch() const { return batches_[current_]; }
    /// What the network gets of its next shard, for whatever the device is asked for from now on.
    NetworkInput take();

  private:
    Batch& other() { return batches_[1 - current_]; }
    NetworkInput make(const Batch& batch, int64_t shard) const;
    void make_ahead();

    Loader& loader_;
    const InputMaker& inputs_;
    BatchShare share_;
    uint32_t epoch_ = 0;
    std::array<Batch, 2> batches_;
    size_t current_ = 0;
    bool has_next_ = false;             // the other one is the next batch already
    int64_t taken_ = 0;                 // shards of this batch
    std::optional<NetworkInput> made_;  // of the shard that comes next
};

}  // namespace vitrine::tools
