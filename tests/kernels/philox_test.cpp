// Philox against the test vectors that Random123 publishes (kat_vectors, philox4x32, 10 rounds).

#include "kernels/philox.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

#include "kernels/cpu/philox_words.h"

using vitrine::philox;
using vitrine::PhiloxWords;

TEST_CASE("philox: the published vectors") {
    CHECK(philox({0, 0, 0, 0}, {0, 0}) == PhiloxWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    constexpr uint32_t ones = 0xffffffff;
    CHECK(philox({ones, ones, ones, ones}, {ones, ones}) ==
          PhiloxWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          PhiloxWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("philox: a key's fields lie where the counter and the key have them") {
    const vitrine::RandomKey key{0x299f31d0a4093822, static_cast<vitrine::RandomPurpose>(0x03707344),
                                 0x13198a2e, 0x85a308d3};
    const PhiloxWords words = vitrine::random_words(key, 0x243f6a88);
    CHECK(words == PhiloxWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
    for (uint64_t i = 0; i < 4; ++i)
        CHECK(vitrine::random_word(key, 4 * uint64_t{0x243f6a88} + i) == words[i]);
}

TEST_CASE("philox: many blocks at once are the same words, across the end of the counter too") {
    const vitrine::RandomKey key{0x299f31d0a4093822, vitrine::RandomPurpose::dropout, 7, 0x85a308d3};
    for (const uint32_t first : {0u, 5u, 0xfffffff0u}) {
        for (const int64_t count : {0, 1, 15, 16, 17, 70}) {
            std::vector<uint32_t> words(static_cast<std::size_t>(4 * count) + 1, 42), expected;
            vitrine::cpu::fill_random_words(key, first, count, words.data());
            for (int64_t i = 0; i < count; ++i) {
                const PhiloxWords block = vitrine::random_words(key, first + static_cast<uint32_t>(i));
                expected.insert(expected.end(), block.begin(), block.end());
            }
            expected.push_back(42);  // nothing is written behind the last block
            CHECK(words == expected);
        }
    }
}

TEST_CASE("philox: a word becomes a number below 1") {
    CHECK(vitrine::uniform_from_word(0) == 0.0f);
    CHECK(vitrine::uniform_from_word(0x80000000) == 0.5f);
    CHECK(vitrine::uniform_from_word(0xffffffff) < 1.0f);
}
