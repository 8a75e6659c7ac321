// The random draws of one sample (or one batch) in one epoch: a stream that is a pure function of its key.
#pragma once

#include <array>
#include <cstdint>

#include "engine/random.h"

namespace vitrine {

class Draws {
  public:
    /// The stream of {seed, augment, epoch, sample}.
    Draws(uint64_t seed, uint32_t epoch, uint32_t sample)
        : key_{.seed = seed, .purpose = RandomPurpose::augment, .epoch = epoch, .sample = sample} {}

    explicit Draws(const RandomKey& key) : key_(key) {}

    /// In [low, high).
    double uniform(double low, double high) { return low + (high - low) * next(); }
    /// True with this probability: always for 1, never for 0.
    bool chance(double probability) { return next() < probability; }
    /// In 0 … bound − 1.
    int64_t below(int64_t bound) { return static_cast<int64_t>(next() * static_cast<double>(bound)); }
    /// With mean 0 and deviation 1.
    double normal();

  private:
    /// In [0, 1).
    double next() {
        if (next_ % ready_.size() == 0) refill();
        return ready_[next_++ % ready_.size()];
    }
    void refill();

    RandomKey key_;
    uint32_t next_ = 0;
    std::array<double, 4> ready_{};
};

}  // namespace vitrine
