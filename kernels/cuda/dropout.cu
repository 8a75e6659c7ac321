// Dropout: y = x · keep / (1 − probability), the mask drawn from Philox and never stored.
//
// An element of f32 moves 8 bytes (read x, write y; the same backward), 12 where d_x accumulates. A mask in
// memory would cost a byte more in each direction; drawing it costs arithmetic instead: ten rounds of two
// wide products each, about 100 instructions, give the four random words of four neighbouring features.
//
//     elements   one thread an element, which throws three of its four words away. At 3 TB/s that would be
//                375 · 10⁹ elements · 100 instructions a second, more than a GPU issues: arithmetic decides
//     draws      one thread the four elements of one draw: a quarter of the arithmetic, for any number of
//                features and any alignment. Its single accesses lie 16 bytes apart
//     packs      the same four elements moved as 16 bytes (f64: twice 16; 16-bit types: two draws), where
//                rows are whole ones
//
// A word is kept if uniform_from_word(word) ≥ probability. That uniform is a multiple m · 2⁻²⁴, so the faster
// rungs compare integers: m ≥ ⌈probability · 2²⁴⌉, the same mask without any floating point.

#include <algorithm>
#include <cmath>

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/pack_gradient.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;
constexpr int draw = 4;  // elements that share a draw of Philox

// Forward and backward do the same to other tensors. `Put` is where results go: Put::operator()(index, value)
// for elements, put(index, pack) for packs.

template <class T>
struct Output {
    T* y;
    __device__ __forceinline__ void operator()(int64_t index, Accumulate<T> value) const {
        store_value(y + index, value);
    }
    __device__ __forceinline__ void put(int64_t index, const Pack<T>& values) const {
        store_pack(y + index, values);
    }
};

/// The stream of random numbers of a row.
struct Keys {
    RandomKey key;
    const StepSettings* settings;  // null: none

    __device__ __forceinline__ RandomKey of_row(uint32_t row) const {
        RandomKey own = key;
        if (settings != nullptr) own.epoch = settings->random_step;
        own.sample = row;
        return own;
    }
};

template <class T, class Put>
__global__ void __launch_bounds__(threads)
    drop_elements(const T* x, Put put, int64_t count, int64_t features, Keys keys, double probability,
                  Accumulate<T> factor) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const int64_t row = i / features;
    const RandomKey key = keys.of_row(static_cast<uint32_t>(row));
    const float uniform = uniform_from_word(random_word(key, static_cast<uint64_t>(i - row * features)));
    put(i, static_cast<double>(uniform) >= probability ? load_value(x + i) * factor : Accumulate<T>(0));
}

/// What the faster rungs know of the random numbers.
struct Mask {
    Keys keys;
    uint32_t threshold;  // ⌈probability · 2²⁴⌉

    __device__ __forceinline__ PhiloxWords words(uint32_t row, uint32_t four) const {
        return random_words(keys.of_row(row), four);
    }
    __device__ __forceinline__ bool keeps(uint32_t word) const { return word >> 8 >= threshold; }
};

/// One thread for each draw: `fours` = ⌈features / 4⌉ in a row.
template <class T, class Put>
__global__ void __launch_bounds__(threads) drop_draws(const T* x, Put put, uint32_t rows, uint32_t features,
                                                      uint32_t fours, Mask mask, Accumulate<T> factor) {
    const int64_t i = thread_index();
    if (i >= int64_t{rows} * fours) return;
    const uint32_t row = static_cast<uint32_t>(i) / fours;
    const uint32_t four = static_cast<uint32_t>(i) - row * fours;
    const PhiloxWords words = mask.words(row, four);
    const int64_t first = int64_t{row} * features + four * draw;
    VITRINE_UNROLL
    for (uint32_t k = 0; k < draw; ++k) {
        if (four * draw + k >= features) break;
        put(first + k, mask.keeps(words[k]) ? load_value(x + first + k) * factor : Accumulate<T>(0));
    }
}

/// What a thread of the next kernel takes: whole draws and whole packs.
template <class T>
constexpr int stretch = std::max(Pack<T>::size, draw);

/// The same where a row is whole stretches, `stretches` of them, which lie behind one another from row to row.
template <class T, class Put>
__global__ void __launch_bounds__(threads)
    drop_packs(const T* x, Put put, uint32_t rows, uint32_t stretches, Mask mask, Accumulate<T> factor) {
    constexpr int size = Pack<T>::size;
    constexpr int draws = stretch<T> / draw;
    const int64_t i = thread_index();
    if (i >= int64_t{rows} * stretches) return;
    const uint32_t row = static_cast<uint32_t>(i) / stretches;
    const uint32_t first_draw = (static_cast<uint32_t>(i) - row * stretches) * draws;
    PhiloxWords words[static_cast<size_t>(draws)];
    VITRINE_UNROLL
    for (uint32_t k = 0; k < draws; ++k) words[k] = mask.words(row, first_draw + k);
    VITRINE_UNROLL
    for (int first = 0; first < stretch<T>; first += size) {
        Pack<T> values = load_pack(x + i * stretch<T> + first);
        VITRINE_UNROLL
        for (int k = 0; k < size; ++k) {
            const int at = first + k;
            const uint32_t word = words[at / draw][static_cast<size_t>(at % draw)];
            values[k] = mask.keeps(word) ? values[k] * factor : Accumulate<T>(0);
        }
        put.put(i * stretch<T> + first, values);
    }
}

// The host's side.

const void* source(const DropoutForward& args) { return args.x; }
const void* source(const DropoutBackward& args) { return args.d_y; }
const void* target(const DropoutForward& args) { return args.y; }
const void* target(const DropoutBackward& args) { return args.d_x.data; }

template <class T>
Output<T> element_target(const DropoutForward& args) {
    return {static_cast<T*>(args.y)};
}
template <class T>
GradientWriter<T> element_target(const DropoutBackward& args) {
    return GradientWriter<T>(args.d_x);
}
template <class T>
Output<T> pack_target(const DropoutForward& args) {
    return {static_cast<T*>(args.y)};
}
template <class T>
PackGradient<T> pack_target(const DropoutBackward& args) {
    return PackGradient<T>(args.d_x);
}

template <class Args>
Mask mask_of(const Args& args, const Context& context) {
    return {{args.key, context.settings}, static_cast<uint32_t>(std::ceil(args.probability * 0x1p24))};
}

template <class T, class Args>
Accumulate<T> factor_of(const Args& args) {
    return static_cast<Accumulate<T>>(1 / (1 - args.probability));
}

template <class Args>
bool nothing_to_do(const Args& args) {
    return args.rows * args.features == 0 || target(args) == nullptr;
}

template <class Args>
const char* refuses_large(const Args& args) {
    return fits_int(args.rows * args.features) && fits_int(args.rows * divide_up(args.features, draw))
               ? nullptr
               : "more elements than an index of 32 bits can count";
}

template <class Args>
const char* refuses_partial_packs(const Args& args) {
    if (args.features % std::max<int64_t>(draw, 16 / static_cast<int64_t>(size_of(args.dtype))) != 0)
        return "a row is not whole draws of 4 numbers and whole packs of 16 bytes";
    if (!aligned(source(args), target(args))) return "a pointer is not aligned to 16 bytes";
    return refuses_large(args);
}

template <class Args>
constexpr auto run_elements = all_types([]<class T>(const Args& args, Context& context) {
    if (nothing_to_do(args)) return;
    const int64_t count = args.rows * args.features;
    const auto put = element_target<T>(args);
    launch(drop_elements<T, std::decay_t<decltype(put)>>, blocks_for(count, threads), threads, 0, stream(),
           static_cast<const T*>(source(args)), put, count, args.features, Keys{args.key, context.settings},
           args.probability, factor_of<T>(args));
});

template <class Args>
constexpr auto run_draws = all_types([]<class T>(const Args& args, Context& context) {
    if (nothing_to_do(args)) return;
    const int64_t fours = divide_up(args.features, draw);
    const auto put = element_target<T>(args);
    launch(drop_draws<T, std::decay_t<decltype(put)>>, blocks_for(args.rows * fours, threads), threads, 0,
           stream(), static_cast<const T*>(source(args)), put, static_cast<uint32_t>(args.rows),
           static_cast<uint32_t>(args.features), static_cast<uint32_t>(fours), mask_of(args, context),
           factor_of<T>(args));
});

template <class Args>
constexpr auto run_packs = all_types([]<class T>(const Args& args, Context& context) {
    if (nothing_to_do(args)) return;
    const int64_t stretches = args.features / stretch<T>;
    const auto put = pack_target<T>(args);
    launch(drop_packs<T, std::decay_t<decltype(put)>>, blocks_for(args.rows * stretches, threads), threads, 0,
           stream(), static_cast<const T*>(source(args)), put, static_cast<uint32_t>(args.rows),
           static_cast<uint32_t>(stretches), mask_of(args, context), factor_of<T>(args));
});

template <class Args>
constexpr Implementation<Args> list[]{{"packs", refuses_partial_packs<Args>, run_packs<Args>},
                                      {"draws", refuses_large<Args>, run_draws<Args>},
                                      {"elements", refuses_nothing<Args>, run_elements<Args>}};

}  // namespace

const Kernel<DropoutForward> dropout_forward{"dropout_forward", list<DropoutForward>};
const Kernel<DropoutBackward> dropout_backward{"dropout_backward", list<DropoutBackward>};

}  // namespace vitrine::VITRINE_GPU
