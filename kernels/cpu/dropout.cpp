// Dropout: the mask is drawn from Philox, four elements of a sample from each block, forward and again backward.

#include <array>
#include <cmath>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/philox_words.h"
#include "kernels/kernels.h"

namespace vitrine::cpu {
namespace {

/// Calls put(i, kept) for each element of [rows, features].
template <class Args, class Put>
void for_each_element(const Args& args, Put&& put) {
    // Of the 2²⁴ numbers that uniform_from_word() makes of a word: those below the probability.
    const auto dropped = static_cast<int32_t>(std::ceil(args.probability * 0x1p24));
    const int64_t blocks = (args.features + 3) / 4;
    const Chunks chunks = Chunks::of(blocks, 1024, 1 << 20);
    parallel_for(args.rows * chunks.count(), [&](int64_t unit) {
        const int64_t row = unit / chunks.count(), chunk = unit % chunks.count();
        RandomKey key = args.key;
        key.sample = static_cast<uint32_t>(row);
        constexpr int64_t together = 64;
        std::array<uint32_t, 4 * together> words;
        for (int64_t block = chunks.begin(chunk); block < chunks.end(chunk); block += together) {
            const int64_t count = std::min(together, chunks.end(chunk) - block);
            fill_random_words(key, static_cast<uint32_t>(block), count, words.data());
            const int64_t first = 4 * block, end = std::min(args.features, first + 4 * count);
            for (int64_t feature = first; feature < end; ++feature) {
                const auto drawn = static_cast<int32_t>(words[static_cast<size_t>(feature - first)] >> 8);
                put(row * args.features + feature, drawn >= dropped);
            }
        }
    });
}

constexpr auto forward = all_types([]<class T>(const DropoutForward& args, Context&) {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    const auto factor = static_cast<Accumulate<T>>(1 / (1 - args.probability));
    for_each_element(args, [&](int64_t i, bool kept) {
        y[i] = static_cast<T>(kept ? static_cast<Accumulate<T>>(x[i]) * factor : Accumulate<T>(0));
    });
});

constexpr auto backward = all_types([]<class T>(const DropoutBackward& args, Context&) {
    if (!args.d_x) return;
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    const auto factor = static_cast<Accumulate<T>>(1 / (1 - args.probability));
    for_each_element(args, [&](int64_t i, bool kept) {
        d_x(i, kept ? static_cast<Accumulate<T>>(d_y[i]) * factor : Accumulate<T>(0));
    });
});

constexpr Implementation<DropoutForward> forward_list[]{{"blocks", refuses_nothing, forward}};
constexpr Implementation<DropoutBackward> backward_list[]{{"blocks", refuses_nothing, backward}};

}  // namespace

const Kernel<DropoutForward> dropout_forward{"dropout_forward", forward_list};
const Kernel<DropoutBackward> dropout_backward{"dropout_backward", backward_list};

}  // namespace vitrine::cpu
