// The random draws of one sample in one epoch: a stream that is a pure function of its key.
#pragma once

#include <cstdint>

#include "engine/random.h"

namespace vitrine {

class Draws {
  public:
    /// The stream of {seed, augment, epoch, sample}.
    Draws(uint64_t seed, uint32_t epoch, uint32_t sample)
        : key_{.seed = seed, .purpose = RandomPurpose::augment, .epoch = epoch, .sample = sample} {}

    /// In [low, high).
    double uniform(double low, double high) { return random_uniform(key_, next_++, low, high); }
    /// True with this probability: always for 1, never for 0.
    bool chance(double probability) { return uniform(0.0, 1.0) < probability; }
    /// In 0 … bound − 1.
    int64_t below(int64_t bound) {
        return static_cast<int64_t>(random_below(key_, next_++, static_cast<uint64_t>(bound)));
    }

  private:
    RandomKey key_;
    uint64_t next_ = 0;
};

}  // namespace vitrine
