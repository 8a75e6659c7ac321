// Where the shards of a batch meet whose batch norms have their statistics in common: an op of one shard needs what the same op
// of all others has come to, and waits for it. How they wait is the step's business (engine/step/lockstep.h).
#pragma once

#include <cstdint>
#include <initializer_list>

#include "engine/tensor.h"

namespace vitrine {

class ShardMeeting {
  public:
    virtual ~ShardMeeting() = default;

    /// Of the batch, those of other processes included.
    virtual int64_t shards() const = 0;
    /// The one that is running, counted over the batch, and over those of this process.
    virtual int64_t shard() const = 0;
    virtual int64_t place() const = 0;
    /// Leaves `own`, which have the same shapes in every shard, and returns when all shards have left theirs:
    /// [shards, elements of `own` one tensor after the other], the same memory for all of this process, only to be read.
    virtual Tensor meet(std::initializer_list<Tensor> own) = 0;
};

}  // namespace vitrine
