// Philox 4x32-10: the only source of randomness in Vitrine.
//
// A counter-based generator: a pure function from (counter, key) to four random words, with no state to
// carry, so a draw is the same on every device, with any number of threads and after any resume. Source:
// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; its published test
// vectors are checked in tests/kernels/philox_test.cpp.
#pragma once

#include <array>
#include <cstdint>

namespace vitrine {

/// What a draw is for. Two purposes never share a word of randomness.
enum class RandomPurpose : uint32_t {
    initialise = 1,  // parameters of a model
    shuffle = 2,     // order of the samples in an epoch
    split = 3,       // which samples are held out for validation
    subset = 4,      // which samples a smaller set keeps
    dropout = 5,
    augment = 6,
    test = 7,            // inputs of tests, gradient checks and benchmarks
    poisson_noise = 8,   // of the elements of an image
    erasing = 9,         // where an image is erased
    erasing_noise = 10,  // what fills erased elements
    mix = 11,            // mixup and cutmix of a batch
};

/// Where in the random universe a draw lives: everything but the index of the draw itself.
struct RandomKey {
    uint64_t seed = 0;
    RandomPurpose purpose = RandomPurpose::test;
    uint32_t epoch = 0;   // or the step, or the index of a layer: whatever repeats
    uint32_t sample = 0;  // or the index of a tensor: whatever is drawn in parallel
};

using PhiloxWords = std::array<uint32_t, 4>;

/// Ten rounds of Philox on a 128-bit counter with a 64-bit key.
constexpr PhiloxWords philox(PhiloxWords counter, std::array<uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
        const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
        counter = {
            static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
            static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
        key[0] += 0x9E3779B9;
        key[1] += 0xBB67AE85;
    }
    return counter;
}

/// Four words of the stream `key`; words 4·block … 4·block+3.
constexpr PhiloxWords random_words(const RandomKey& key, uint32_t block) {
    return philox({block, key.sample, key.epoch, static_cast<uint32_t>(key.purpose)},
                  {static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)});
}

/// Word `index` of the stream `key`.
constexpr uint32_t random_word(const RandomKey& key, uint64_t index) {
    return random_words(key, static_cast<uint32_t>(index / 4))[index % 4];
}

/// Uniform in [0, 1) with 24 bits, so that it is exact in f32 and never rounds up to 1.
constexpr float uniform_from_word(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

/// Uniform in [0, 1) with 53 bits, so that it is exact in f64 and never rounds up to 1.
constexpr double uniform_from_words(uint32_t high, uint32_t low) {
    return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

}  // namespace vitrine
