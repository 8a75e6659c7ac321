// Philox 4x32-10 on vectors of counters: see philox_words.h.

#include "kernels/cpu/philox_words.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/philox_words.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::ScalableTag<uint32_t>;
using Vector = hn::Vec<Words>;

// Where a vector is one word, one block at a time is philox.h's.
#if HWY_TARGET != HWY_SCALAR
constexpr int64_t lanes = hn::MaxLanes(Words());

/// Both halves of the 64-bit products of 32-bit words.
struct Product {
    Vector low, high;
};

HWY_INLINE HWY_ATTR Product multiply(Vector words, uint32_t factor) {
    const Words d;
    const hn::RepartitionToWide<Words> wide;
    const auto factors = hn::Set(d, factor);
    const auto odd_words = hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, words)));
    const auto even = hn::MulEven(words, factors), odd = hn::MulEven(odd_words, factors);
    return {hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even)),
            hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)))};
}

/// philox() of as many counters as a vector has lanes, from `first` on.
HWY_INLINE HWY_ATTR void fill_vector(const RandomKey& key, uint32_t first, uint32_t* words) {
    const Words d;
    auto counter0 = hn::Iota(d, first), counter1 = hn::Set(d, key.sample);
    auto counter2 = hn::Set(d, key.epoch), counter3 = hn::Set(d, static_cast<uint32_t>(key.purpose));
    auto key0 = static_cast<uint32_t>(key.seed), key1 = static_cast<uint32_t>(key.seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const Product product0 = multiply(counter0, 0xD2511F53), product1 = multiply(counter2, 0xCD9E8D57);
        counter0 = hn::Xor(hn::Xor(product1.high, counter1), hn::Set(d, key0));
        counter1 = product1.low;
        counter2 = hn::Xor(hn::Xor(product0.high, counter3), hn::Set(d, key1));
        counter3 = product0.low;
        key0 += 0x9E3779B9;
        key1 += 0xBB67AE85;
    }
    hn::StoreInterleaved4(counter0, counter1, counter2, counter3, d, words);
}
#endif

HWY_ATTR void fill(const RandomKey& key, uint32_t first_block, int64_t count, uint32_t* words) {
    int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
    for (; i + lanes <= count; i += lanes)
        fill_vector(key, first_block + static_cast<uint32_t>(i), words + 4 * i);
#endif
    for (; i < count; ++i) {
        const PhiloxWords block = random_words(key, first_block + static_cast<uint32_t>(i));
        std::copy(block.begin(), block.end(), words + 4 * i);
    }
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(fill);

}  // namespace

void fill_random_words(const RandomKey& key, uint32_t first_block, int64_t count, uint32_t* words) {
    HWY_DYNAMIC_DISPATCH(fill)(key, first_block, count, words);
}

}  // namespace vitrine::cpu
#endif
