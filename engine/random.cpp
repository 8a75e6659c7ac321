// Random numbers for the host: see random.h.

#include "engine/random.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace vitrine {
namespace {

/// 53 random bits scaled to [0, 1): words 2·index and 2·index+1 of the stream.
double uniform_53(const RandomKey& key, uint64_t index) {
    const PhiloxWords words = random_words(key, static_cast<uint32_t>(index / 2));
    const size_t first = 2 * (index % 2);
    return uniform_from_words(words[first], words[first + 1]);
}

}  // namespace

double random_uniform(const RandomKey& key, uint64_t index, double low, double high) {
    return low + (high - low) * uniform_53(key, index);
}

double random_normal(const RandomKey& key, uint64_t index) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform_53(key, 2 * index)));
    return radius * std::cos(2.0 * std::numbers::pi * uniform_53(key, 2 * index + 1));
}

uint64_t random_below(const RandomKey& key, uint64_t index, uint64_t bound) {
    return static_cast<uint64_t>(uniform_53(key, index) * static_cast<double>(bound));
}

std::vector<int64_t> random_permutation(const RandomKey& key, int64_t count) {
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = order.size(); i > 1; --i) {
        std::swap(order[i - 1], order[random_below(key, i, i)]);
    }
    return order;
}

}  // namespace vitrine
