// From u8 images to the network's input, in tiles that stay in the nearest cache.
//
// Without noise it is one multiplication and one addition a value. With noise, a tile's random words are
// drawn first, a vector of Philox blocks at a time, and turned into Poisson numbers; once for the largest and
// again for the values: drawing 4 words costs less than a byte of memory for each.

#include <algorithm>
#include <limits>

#include "kernels/cpu/parallel.h"
#include "kernels/finish_arithmetic.h"
#include "kernels/kernels.h"
#include "kernels/poisson.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/finish_images.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

#ifndef VITRINE_KERNELS_CPU_FINISH_IMAGES
#define VITRINE_KERNELS_CPU_FINISH_IMAGES
namespace vitrine::cpu {
namespace {

/// Whole pixels, whole Philox blocks, whole triples of vectors.
constexpr int64_t finish_tile = 3072;

/// The values begin … end − 1 of image n; begin is a multiple of finish_tile.
struct Stretch {
    int64_t image;
    int64_t begin;
    int64_t end;
};

}  // namespace
}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

using Word64 = hn::ScalableTag<uint64_t>;
using Word32 = hn::ScalableTag<uint32_t>;

/// Words 4 · block … of the stream, as random_words() gives them, at least `count`; `to` has room for a
/// vector of blocks more.
#if HWY_TARGET == HWY_SCALAR
void draw_words(const RandomKey& key, uint32_t block, int64_t count, uint32_t* to) {
    for (int64_t i = 0; i < count; i += 4, ++block) {
        const PhiloxWords words = random_words(key, block);
        std::copy(words.begin(), words.end(), to + i);
    }
}
#else
HWY_ATTR void draw_words(const RandomKey& key, uint32_t block, int64_t count, uint32_t* HWY_RESTRICT to) {
    const Word64 d;
    const hn::Repartition<uint32_t, Word64> d32;
    const auto low_half = hn::Set(d, 0xFFFFFFFFu);
    const auto product = [&](auto counter, uint64_t factor) HWY_ATTR {
        return hn::MulEven(hn::BitCast(d32, counter), hn::BitCast(d32, hn::Set(d, factor)));
    };
    const int64_t blocks_at_once = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = 0; i < count; i += 4 * blocks_at_once, block += static_cast<uint32_t>(blocks_at_once)) {
        // The lower halves of the lanes are the counters; what the upper halves hold does not matter.
        auto c0 = hn::Iota(d, block), c1 = hn::Set(d, key.sample), c2 = hn::Set(d, key.epoch),
             c3 = hn::Set(d, static_cast<uint64_t>(key.purpose));
        uint32_t key0 = static_cast<uint32_t>(key.seed), key1 = static_cast<uint32_t>(key.seed >> 32);
        for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9, key1 += 0xBB67AE85) {
            const auto product0 = product(c0, 0xD2511F53), product1 = product(c2, 0xCD9E8D57);
            c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), c1), hn::Set(d, key0));
            c1 = product1;
            c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), c3), hn::Set(d, key1));
            c3 = product0;
        }
        const auto first = hn::Or(hn::And(c0, low_half), hn::ShiftLeft<32>(c1));
        const auto second = hn::Or(hn::And(c2, low_half), hn::ShiftLeft<32>(c3));
        hn::StoreInterleaved2(first, second, d, reinterpret_cast<uint64_t*>(to + i));
    }
}
#endif

constexpr int64_t words_room = finish_tile + 4 * static_cast<int64_t>(hn::MaxLanes(Word64()));

HWY_ATTR RandomKey noise_key(const ImageFinish& finish, int64_t image) {
    return {finish.seed, RandomPurpose::poisson_noise, finish.epoch,
            finish.samples[static_cast<size_t>(image)]};
}

HWY_ATTR uint32_t largest_word(const FinishImages& args, const Stretch& stretch) {
    HWY_ALIGN uint32_t words[words_room];
    uint32_t largest = 0;
    for (int64_t begin = stretch.begin; begin < stretch.end; begin += finish_tile) {
        const int64_t count = std::min(finish_tile, stretch.end - begin);
        draw_words(noise_key(args.finish, stretch.image), static_cast<uint32_t>(begin / 4), count, words);
        const Word32 d;
        auto most = hn::Zero(d);
        int64_t i = 0;
        for (; i + static_cast<int64_t>(hn::Lanes(d)) <= count; i += static_cast<int64_t>(hn::Lanes(d)))
            most = hn::Max(most, hn::Load(d, words + i));
        HWY_ALIGN uint32_t lanes[hn::MaxLanes(d)];
        hn::Store(most, d, lanes);
        largest = std::max(largest, *std::max_element(lanes, lanes + hn::Lanes(d)));
        for (; i < count; ++i) largest = std::max(largest, words[i]);
    }
    return largest;
}

/// Words become Poisson numbers, in place: how many entries of the table do not exceed the word. Entries
/// grow, so a vector is done at the first that exceeds all of its words.
HWY_ATTR void words_to_numbers(std::span<const uint32_t> table, int64_t count, uint32_t* words) {
    const Word32 d;
    for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
        const auto word = hn::Load(d, words + i);
        auto number = hn::Zero(d);
        for (const uint32_t entry : table) {
            const auto reached = hn::Not(hn::Gt(hn::Set(d, entry), word));
            if (hn::AllFalse(d, reached)) break;
            number = hn::Sub(number, hn::VecFromMask(d, reached));
        }
        hn::Store(number, d, words + i);
    }
}

/// A vector's worth of bytes, or of numbers below 2³¹, as T.
template <class T, class From>
HWY_INLINE HWY_ATTR Vector<T> load_as(const From* from) {
    const hn::ScalableTag<T> d;
    const hn::Rebind<int32_t, decltype(d)> d_int;
    const auto integers = [&]() HWY_ATTR {
        if constexpr (sizeof(From) == 1) {
            return hn::PromoteTo(d_int, hn::LoadU(hn::Rebind<uint8_t, decltype(d)>(), from));
        } else {
            return hn::BitCast(d_int, hn::LoadU(hn::Rebind<uint32_t, decltype(d)>(), from));
        }
    }();
    if constexpr (sizeof(T) == sizeof(int32_t)) {
        return hn::ConvertTo(d, integers);
    } else {
        return hn::PromoteTo(d, integers);
    }
}

template <class T>
class Finisher {
  public:
    HWY_ATTR Finisher(const FinishImages& args, int32_t largest)
        : args_(args), finish_(args.finish), largest_(largest) {
        for (size_t c = 0; c < 3; ++c) colours_[c] = finish::colour_of<T>(finish_, c);
        for (size_t i = 0; i < 3 * static_cast<size_t>(lanes_of<T>()); ++i) {
            scales_[i] = noise_first() ? colours_[i % 3].unit_scale : colours_[i % 3].scale;
            shifts_[i] = colours_[i % 3].shift;
        }
    }

    HWY_ATTR void operator()(const Stretch& stretch) const {
        T* y = static_cast<T*>(args_.y) + stretch.image * args_.values();
        if (finish_.plain()) return normalize(bytes(stretch), stretch.end - stretch.begin, y + stretch.begin);
        for_each_tile(stretch, [&](const Stretch& tile) HWY_ATTR { finish_tile_of(tile, y + tile.begin); });
    }

    /// The same into a 16-bit type.
    template <class Half>
    HWY_ATTR void narrowed(const Stretch& stretch) const {
        Half* y = static_cast<Half*>(args_.y) + stretch.image * args_.values();
        for_each_tile(stretch, [&](const Stretch& tile) HWY_ATTR {
            HWY_ALIGN T values[finish_tile];
            finish_tile_of(tile, values);
            for_each_vector<T>(tile.end - tile.begin, [&](auto part, int64_t i) HWY_ATTR {
                part.store(part.load(values + i), y + tile.begin + i);
            });
        });
    }

  private:
    bool noise_first() const { return !finish_.poisson.empty() && !finish_.noise_after_normalize; }
    const uint8_t* bytes(const Stretch& stretch) const {
        return args_.images + stretch.image * args_.values() + stretch.begin;
    }

    template <class Body>
    HWY_INLINE HWY_ATTR void for_each_tile(const Stretch& stretch, Body&& body) const {
        for (int64_t begin = stretch.begin; begin < stretch.end; begin += finish_tile)
            body(Stretch{stretch.image, begin, std::min(stretch.end, begin + finish_tile)});
    }

    HWY_ATTR void finish_tile_of(const Stretch& tile, T* to) const {
        unmixed(tile, to);
        if (finish_.mixing != BatchMixing::none) mix(tile, to);
    }

    /// Calls body(i, k) for the vectors of [0, count), whose constants are those from k on, and tail(i) for
    /// the values behind the last triple of vectors. Three vectors hold whole pixels.
    template <class Body, class Tail>
    HWY_INLINE HWY_ATTR void for_each_triple(int64_t count, Body&& body, Tail&& tail) const {
        const int64_t lanes = lanes_of<T>();
        int64_t i = 0;
        for (; i + 3 * lanes <= count; i += 3 * lanes)
            unrolled<3>([&](auto k) HWY_ATTR { body(i + k * lanes, k * lanes); });
        for (; i < count; ++i) tail(i);
    }

    HWY_ATTR void normalize(const uint8_t* from, int64_t count, T* to) const {
        const hn::ScalableTag<T> d;
        for_each_triple(
            count,
            [&](int64_t i, int64_t k) HWY_ATTR {
                const auto scaled = hn::Mul(load_as<T>(from + i), hn::Load(d, scales_ + k));
                hn::StoreU(hn::Add(scaled, hn::Load(d, shifts_ + k)), d, to + i);
            },
            [&](int64_t i) { to[i] = finish::normalized(from[i], colours_[static_cast<size_t>(i % 3)]); });
    }

    HWY_INLINE HWY_ATTR Vector<T> with_noise(Vector<T> x, const uint32_t* numbers) const {
        const hn::ScalableTag<T> d;
        if (largest_ > 0) x = hn::Add(x, hn::Div(load_as<T>(numbers), hn::Set(d, static_cast<T>(largest_))));
        return finish_.clip ? hn::Min(hn::Max(x, hn::Zero(d)), hn::Set(d, T(1))) : x;
    }

    HWY_ATTR void add_noise(const Stretch& tile, T* to) const {
        HWY_ALIGN uint32_t numbers[words_room];
        const int64_t count = tile.end - tile.begin;
        draw_words(noise_key(finish_, tile.image), static_cast<uint32_t>(tile.begin / 4), count, numbers);
        words_to_numbers(finish_.poisson, count, numbers);
        const hn::ScalableTag<T> d;
        const uint8_t* from = bytes(tile);
        const bool after = finish_.noise_after_normalize;
        for_each_triple(
            count,
            [&](int64_t i, int64_t k) HWY_ATTR {
                const auto scale = hn::Load(d, scales_ + k), shift = hn::Load(d, shifts_ + k);
                const auto byte = load_as<T>(from + i);
                const auto x = after ? with_noise(hn::Add(hn::Mul(byte, scale), shift), numbers + i)
                                     : with_noise(hn::Div(byte, hn::Set(d, T(255))), numbers + i);
                hn::StoreU(after ? x : hn::Add(hn::Mul(x, scale), shift), d, to + i);
            },
            [&](int64_t i) {
                to[i] = finish::noisy(from[i], colours_[static_cast<size_t>(i % 3)],
                                      static_cast<int32_t>(numbers[i]), largest_, after, finish_.clip);
            });
    }

    /// Calls put(first, last) for the values of each row of the box that lie in the tile.
    template <class Put>
    HWY_ATTR void for_each_row(const PixelBox& box, const Stretch& tile, Put&& put) const {
        const int64_t row_values = args_.size.width * 3;
        for (int64_t row = box.top; row < box.top + box.height; ++row) {
            const int64_t first = std::max(tile.begin, row * row_values + box.left * 3);
            const int64_t last = std::min(tile.end, row * row_values + (box.left + box.width) * 3);
            if (first < last) put(first, last);
        }
    }

    /// Writes a tile of an image as it is before mixing.
    HWY_ATTR void unmixed(const Stretch& tile, T* to) const {
        if (finish_.poisson.empty())
            normalize(bytes(tile), tile.end - tile.begin, to);
        else
            add_noise(tile, to);
        const size_t each = finish_.boxes.size() / static_cast<size_t>(args_.batch);
        for (const ErasedBox& erased : finish_.boxes.subspan(static_cast<size_t>(tile.image) * each, each))
            erase(erased, tile, to);
    }

    HWY_ATTR void erase(const ErasedBox& erased, const Stretch& tile, T* to) const {
        for_each_row(erased.box, tile, [&](int64_t first, int64_t last) {
            for (int64_t i = first; i < last; ++i)
                to[i - tile.begin] = erased.noise ? normal(tile.image, i)
                                                  : static_cast<T>(erased.value[static_cast<size_t>(i % 3)]);
        });
    }

    T normal(int64_t image, int64_t i) const {
        RandomKey key = noise_key(finish_, image);
        key.purpose = RandomPurpose::erasing_noise;
        return static_cast<T>(finish::normal_from_word(random_word(key, static_cast<uint64_t>(i))));
    }

    HWY_ATTR void mix(const Stretch& tile, T* to) const {
        HWY_ALIGN T other[finish_tile];
        const Stretch there{(tile.image + args_.batch - 1) % args_.batch, tile.begin, tile.end};
        if (finish_.mixing == BatchMixing::cutmix) {
            bool needed = false;
            for_each_row(finish_.mixed_box, tile, [&](int64_t, int64_t) { needed = true; });
            if (!needed) return;
            unmixed(there, other);
            for_each_row(finish_.mixed_box, tile, [&](int64_t first, int64_t last) {
                std::copy(other + first - tile.begin, other + last - tile.begin, to + first - tile.begin);
            });
            return;
        }
        unmixed(there, other);
        const T lambda = static_cast<T>(finish_.lambda), rest = static_cast<T>(1 - finish_.lambda);
        const hn::ScalableTag<T> d;
        for_each_triple(
            tile.end - tile.begin,
            [&](int64_t i, int64_t) HWY_ATTR {
                const auto own = hn::Mul(hn::LoadU(d, to + i), hn::Set(d, lambda));
                hn::StoreU(hn::Add(own, hn::Mul(hn::LoadU(d, other + i), hn::Set(d, rest))), d, to + i);
            },
            [&](int64_t i) { to[i] = finish::mixed(to[i], other[i], lambda, rest); });
    }

    const FinishImages& args_;
    const ImageFinish& finish_;
    int32_t largest_;  // Poisson number of the batch
    std::array<finish::Colour<T>, 3> colours_;
    // Element i of three vectors belongs to colour i mod 3.
    HWY_ALIGN T scales_[3 * hn::MaxLanes(hn::ScalableTag<T>())];
    HWY_ALIGN T shifts_[3 * hn::MaxLanes(hn::ScalableTag<T>())];
};

constexpr auto finish_values =
    all_types([]<class T>(const FinishImages& args, int32_t largest, const Stretch& stretch) {
        const Finisher<Accumulate<T>> finisher(args, largest);
        if constexpr (is_half_type<T>) {
            finisher.template narrowed<T>(stretch);
        } else {
            finisher(stretch);
        }
    });
void finish_stretch(const FinishImages& args, int32_t largest, const Stretch& stretch) {
    finish_values(args, largest, stretch);
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(largest_word);
HWY_EXPORT(finish_stretch);

/// Calls body(stretch, index) for all of the batch, in stretches of some tiles.
template <class Body>
void for_each_stretch(const FinishImages& args, Body&& body) {
    const Chunks chunks{args.values(), 8 * finish_tile};
    parallel_for(args.batch * chunks.count(), [&](int64_t index) {
        const int64_t image = index / chunks.count(), chunk = index % chunks.count();
        body(Stretch{image, chunks.begin(chunk), chunks.end(chunk)}, index);
    });
}

int32_t largest_number(const FinishImages& args, Context& context) {
    const std::span<const uint32_t> table = args.finish.poisson;
    if (table.empty() || args.batch * args.values() == 0) return 0;
    const int64_t stretches = args.batch * Chunks{args.values(), 8 * finish_tile}.count();
    uint32_t* largest = context.scratch.take<uint32_t>(stretches);
    for_each_stretch(args, [&](const Stretch& stretch, int64_t index) {
        largest[index] = HWY_DYNAMIC_DISPATCH(largest_word)(args, stretch);
    });
    return poisson_number(table.data(), static_cast<int32_t>(table.size()),
                          *std::max_element(largest, largest + stretches));
}

void run(const FinishImages& args, Context& context) {
    const int32_t largest = largest_number(args, context);
    for_each_stretch(args, [&](const Stretch& stretch, int64_t) {
        HWY_DYNAMIC_DISPATCH(finish_stretch)(args, largest, stretch);
    });
}

constexpr Implementation<FinishImages> list[]{
    {"tiles", refuses_nothing, run, HWY_NAMESPACE::finish_values.types}};

}  // namespace

const Kernel<FinishImages> finish_images{"finish_images", list};

}  // namespace vitrine::cpu
#endif
