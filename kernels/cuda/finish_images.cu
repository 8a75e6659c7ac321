// From u8 images to the network's input: one launch that reads each byte once and writes each value once, and
// before it, where there is noise, one for the largest Poisson number of the batch.
//
// A value is 5 bytes in f32: 1 read, 4 written. 224 · 224 · 3 values a picture make 0.75 MB, 0.25 µs at
// 3 TB/s. Noise adds no bytes: its numbers are drawn anew in the second launch. Keeping them instead would be
// a byte written and a byte read for a value, 2 of then 7, to save the ten rounds of Philox that four values
// share, some 15 integer operations each: at 3 TB/s and 16 · 10¹² operations a second 0.9 µs for a
// million values instead of 0.7 µs, but no memory is held for it.
//
//     elements   one thread a value, everything as it stands in finish_arithmetic.h. A warp reads 32 bytes at
//                a time, so most of what is under way is addresses; with noise it throws three of four random words away
//     packs      one thread a pack of the result: it reads 4 bytes as one word (8 for a pack of 16-bit values),
//                draws four words at once and writes 16 bytes. Both requests of a warp are whole, 128 and 512 consecutive bytes
//
// Three colours and packs of four do not fit each other: the colour of a pack's first value goes through 0,
// 1, 2 from thread to thread. A block of 192 threads, a multiple of 3 and of 32, makes that colour depend on
// the thread alone, also for the packs that the same thread takes later: its constants are picked once.
//
// One thread for each 4 pixels, 12 bytes to 48, needs no such thought, but its loads lie 12 and its stores 48
// bytes apart from lane to lane: each request then touches three times the sectors that it uses.

#include <type_traits>

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/gpu.h"
#include "kernels/cuda/upload.h"
#include "kernels/finish_arithmetic.h"
#include "kernels/poisson.h"
#include "kernels/runtime.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 192;
constexpr int colours = 3;

/// The constants of a colour. Kernels take it by value.
template <class T>
struct OfColour {
    finish::Colour<T> red, green, blue;

    explicit OfColour(const ImageFinish& finish)
        : red(finish::colour_of<T>(finish, 0)),
          green(finish::colour_of<T>(finish, 1)),
          blue(finish::colour_of<T>(finish, 2)) {}

    /// A choice and not an array's element: arrays that a thread indexes lie in memory.
    __device__ __forceinline__ finish::Colour<T> operator[](int colour) const {
        return colour == 0 ? red : colour == 1 ? green : blue;
    }
};

/// The Poisson numbers of a batch.
struct Noise {
    const uint32_t* table;  // null: none
    int size;
    const uint32_t* largest_word;  // of the batch
    bool after_normalize;
    bool clip;

    __device__ __forceinline__ int32_t number(uint32_t word) const {
        return poisson_number(table, size, word);
    }
    __device__ __forceinline__ int32_t largest() const {
        return table == nullptr ? 0 : number(*largest_word);
    }
};

/// The streams of the batch's images.
struct Streams {
    uint64_t seed;
    uint32_t epoch;
    const uint32_t* samples;  // [batch]

    __device__ __forceinline__ RandomKey key(RandomPurpose purpose, int image) const {
        return {seed, purpose, epoch, samples[image]};
    }
};

/// The first launch: a block for `largest_values` values of an image. Words are compared and not numbers,
/// which grow with them. A maximum does not depend on the order.
constexpr int blocks_of_words_a_thread = 8;
constexpr int largest_values = threads * blocks_of_words_a_thread * 4;

__global__ void __launch_bounds__(threads)
    find_largest_word(Streams streams, int parts, int64_t values, uint32_t* largest_word) {
    const int image = static_cast<int>(blockIdx.x) / parts;
    const int part = static_cast<int>(blockIdx.x) - image * parts;
    const RandomKey key = streams.key(RandomPurpose::poisson_noise, image);
    uint32_t largest = 0;
    for (int k = 0; k < blocks_of_words_a_thread; ++k) {
        const int64_t first =
            int64_t{part} * largest_values + (k * threads + static_cast<int>(threadIdx.x)) * 4;
        if (first >= values) break;
        const PhiloxWords words = random_words(key, static_cast<uint32_t>(first / 4));
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            if (first + j < values) largest = Larger()(largest, words[static_cast<size_t>(j)]);
        }
    }
    largest = reduce_block<threads>(largest, Larger());
    if (threadIdx.x == 0) atomicMax(largest_word, largest);
}

/// What the second launch knows.
template <class T>
struct Finish {
    using A = Accumulate<T>;

    const uint8_t* images;
    T* y;
    int batch;
    int width;
    int64_t values;  // of an image
    OfColour<A> colour;
    Noise noise;
    Streams streams;
    const ErasedBox* boxes;  // [batch, boxes_of_image]
    int boxes_of_image;
    BatchMixing mixing;
    A lambda, rest;
    PixelBox mixed_box;

    __device__ __forceinline__ int image_before(int image) const {
        return image == 0 ? batch - 1 : image - 1;
    }
    __device__ __forceinline__ bool contains(const PixelBox& box, int i) const {
        const int pixel = i / colours, row = pixel / width;
        return finish::contains(box, row, pixel - row * width);
    }
    /// The value in the place of x, where one of the image's boxes covers element i.
    __device__ __forceinline__ A erased(int image, int i, A x) const {
        for (int b = boxes_of_image - 1; b >= 0; --b) {
            const ErasedBox& erased = boxes[static_cast<int64_t>(image) * boxes_of_image + b];
            if (!contains(erased.box, i)) continue;
            if (!erased.noise) return static_cast<A>(erased.value[static_cast<size_t>(i % colours)]);
            const RandomKey key = streams.key(RandomPurpose::erasing_noise, image);
            return static_cast<A>(finish::normal_from_word(random_word(key, static_cast<uint64_t>(i))));
        }
        return x;
    }
};

// The naive rung.

template <class T>
__device__ __forceinline__ Accumulate<T> unmixed_element(const Finish<T>& finish, int image, int i) {
    const uint8_t byte = finish.images[image * finish.values + i];
    const finish::Colour<Accumulate<T>> colour = finish.colour[i % colours];
    Accumulate<T> x = finish::normalized(byte, colour);
    if (finish.noise.table != nullptr) {
        const RandomKey key = finish.streams.key(RandomPurpose::poisson_noise, image);
        x = finish::noisy(byte, colour, finish.noise.number(random_word(key, static_cast<uint64_t>(i))),
                          finish.noise.largest(), finish.noise.after_normalize, finish.noise.clip);
    }
    return finish.erased(image, i, x);
}

template <class T>
__global__ void __launch_bounds__(threads) finish_elements(Finish<T> finish) {
    const int64_t index = thread_index();
    if (index >= finish.batch * finish.values) return;
    const int image = static_cast<int>(index / finish.values);
    const int i = static_cast<int>(index - image * finish.values);
    const int before = finish.image_before(image);
    Accumulate<T> x = unmixed_element(finish, image, i);
    if (finish.mixing == BatchMixing::mixup)
        x = finish::mixed(x, unmixed_element(finish, before, i), finish.lambda, finish.rest);
    if (finish.mixing == BatchMixing::cutmix && finish.contains(finish.mixed_box, i))
        x = unmixed_element(finish, before, i);
    store_value(finish.y + index, x);
}

// The fast rung.

constexpr int packs_under_way = 4;  // of each thread
static_assert(threads % colours == 0 && threads % 32 == 0);

/// As many bytes as a pack of T has values, in one word; the first byte is the lowest.
template <class T>
using Bytes = std::conditional_t<Pack<T>::size == 8, uint64_t,
                                 std::conditional_t<Pack<T>::size == 4, uint32_t, uint16_t>>;

/// Of a thread's packs: value j has the colour j % colours of these.
template <class T>
using PackColours = finish::Colour<Accumulate<T>>[static_cast<size_t>(colours)];

/// Normalising and nothing else, of `count` values of whatever images. A block takes threads ·
/// packs_under_way neighbouring packs. The last count % size values go to the first block.
template <class T>
__global__ void __launch_bounds__(threads)
    normalize_packs(ReadOnly<uint8_t> images, OfColour<Accumulate<T>> colour, T* y, int64_t count) {
    constexpr int size = Pack<T>::size;
    const int thread = static_cast<int>(threadIdx.x);
    const int64_t packs = count / size;
    const int64_t first = int64_t{blockIdx.x} * (threads * packs_under_way) + thread;

    Bytes<T> bytes[packs_under_way];
    VITRINE_UNROLL
    for (int k = 0; k < packs_under_way; ++k) {
        const int64_t pack = first + k * threads;
        if (pack < packs) bytes[k] = load_as<Bytes<T>>(images + pack * size);
    }

    PackColours<T> own;
    VITRINE_UNROLL
    for (int j = 0; j < colours; ++j) own[j] = colour[(thread * size + j) % colours];

    VITRINE_UNROLL
    for (int k = 0; k < packs_under_way; ++k) {
        const int64_t pack = first + k * threads;
        if (pack >= packs) break;
        Pack<T> result;
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j)
            result[j] = finish::normalized(static_cast<uint8_t>(bytes[k] >> (8 * j)), own[j % colours]);
        store_pack(y + pack * size, result);
    }

    const int64_t rest = packs * size + thread;
    if (blockIdx.x == 0 && rest < count)
        store_value(y + rest, finish::normalized(images[rest], colour[static_cast<int>(rest % colours)]));
}

/// The pack of an image's values from i on, before mixing.
template <class T>
__device__ __forceinline__ Pack<T> unmixed_pack(const Finish<T>& finish, int image, int i,
                                                const PackColours<T>& own, int32_t largest) {
    constexpr int size = Pack<T>::size;
    const Bytes<T> bytes = *reinterpret_cast<const Bytes<T>*>(finish.images + image * finish.values + i);
    const Noise& noise = finish.noise;
    Pack<T> result;
    if (noise.table == nullptr) {
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j)
            result[j] = finish::normalized(static_cast<uint8_t>(bytes >> (8 * j)), own[j % colours]);
    } else {
        constexpr int draws = size == 8 ? 2 : 1;
        const RandomKey key = finish.streams.key(RandomPurpose::poisson_noise, image);
        PhiloxWords words[static_cast<size_t>(draws)];
        VITRINE_UNROLL
        for (int d = 0; d < draws; ++d) words[d] = random_words(key, static_cast<uint32_t>(i / 4 + d));
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j) {
            // In f64 two packs share a draw.
            const uint32_t word = size >= 4 || i % 4 == 0 ? words[j / 4][static_cast<size_t>(j % 4)]
                                                          : words[0][static_cast<size_t>((j + 4 - size) & 3)];
            result[j] = finish::noisy(static_cast<uint8_t>(bytes >> (8 * j)), own[j % colours],
                                      noise.number(word), largest, noise.after_normalize, noise.clip);
        }
    }
    if (finish.boxes_of_image > 0) {
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j) result[j] = finish.erased(image, i + j, result[j]);
    }
    return result;
}

/// A block takes threads · packs_under_way neighbouring packs of one image, `parts` blocks all of it. Its
/// values are whole packs. Left alone, ptxas would rather spill 16-bit types on 7.5 than run fewer blocks at a time.
template <class T>
__global__ void __launch_bounds__(threads, is_half_type<T> ? 1 : 0)
    finish_packs(Finish<T> finish, int parts) {
    constexpr int size = Pack<T>::size;
    const int thread = static_cast<int>(threadIdx.x);
    const int image = static_cast<int>(blockIdx.x) / parts;
    const int part = static_cast<int>(blockIdx.x) - image * parts;
    const int32_t largest = finish.noise.largest();
    PackColours<T> own;
    VITRINE_UNROLL
    for (int j = 0; j < colours; ++j) own[j] = finish.colour[(thread * size + j) % colours];

    for (int k = 0; k < packs_under_way; ++k) {
        const int i = ((part * packs_under_way + k) * threads + thread) * size;
        if (i >= finish.values) break;
        Pack<T> result = unmixed_pack(finish, image, i, own, largest);
        bool inside[size];
        bool mixes = finish.mixing == BatchMixing::mixup;
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j) {
            inside[j] = finish.mixing == BatchMixing::cutmix && finish.contains(finish.mixed_box, i + j);
            mixes = mixes || inside[j];
        }
        if (mixes) {
            const Pack<T> other = unmixed_pack(finish, finish.image_before(image), i, own, largest);
            VITRINE_UNROLL
            for (int j = 0; j < size; ++j) {
                if (finish.mixing == BatchMixing::mixup)
                    result[j] = finish::mixed(result[j], other[j], finish.lambda, finish.rest);
                else if (inside[j])
                    result[j] = other[j];
            }
        }
        store_pack(finish.y + image * finish.values + i, result);
    }
}

// The host's side.

/// The first launch, where there is noise.
Noise find_noise(const FinishImages& args, const Streams& streams, Context& context) {
    const ImageFinish& finish = args.finish;
    Noise noise{uploaded(finish.poisson, context), static_cast<int>(finish.poisson.size()), nullptr,
                finish.noise_after_normalize, finish.clip};
    if (finish.poisson.empty()) return noise;
    uint32_t* largest_word = context.scratch.take<uint32_t>(1);
    runtime(context.device).zero(largest_word, sizeof(uint32_t));
    const int64_t parts = divide_up(args.values(), int64_t{largest_values});
    launch(find_largest_word, blocks_for(args.batch * parts, 1), threads, 0, stream(), streams,
           static_cast<int>(parts), args.values(), largest_word);
    noise.largest_word = largest_word;
    return noise;
}

template <class T>
Finish<T> finish_of(const FinishImages& args, Context& context) {
    const ImageFinish& finish = args.finish;
    const Streams streams{finish.seed, finish.epoch, uploaded(finish.samples, context)};
    return {args.images,
            static_cast<T*>(args.y),
            static_cast<int>(args.batch),
            static_cast<int>(args.size.width),
            args.values(),
            OfColour<Accumulate<T>>(finish),
            find_noise(args, streams, context),
            streams,
            uploaded(finish.boxes, context),
            static_cast<int>(static_cast<int64_t>(finish.boxes.size()) / args.batch),
            finish.mixing,
            static_cast<Accumulate<T>>(finish.lambda),
            static_cast<Accumulate<T>>(1 - finish.lambda),
            finish.mixed_box};
}

const char* refuses_large(const FinishImages& args) {
    return fits_int(args.values()) ? nullptr : "an image has more than 2^31 − 1 values";
}

const char* refuses_packs(const FinishImages& args) {
    if (const char* reason = refuses_large(args)) return reason;
    const bool eights = is_half(args.dtype);  // values of a pack
    const uintptr_t images = reinterpret_cast<uintptr_t>(args.images);
    if (images % 4 != 0) return "the images are not aligned to 4 bytes";
    if (eights && images % 8 != 0) return "the images are not aligned to 8 bytes";
    if (!aligned(args.y)) return "y is not aligned to 16 bytes";
    if (!args.finish.plain() && args.values() % 4 != 0) return "an image's values are no whole fours";
    if (!args.finish.plain() && eights && args.values() % 8 != 0)
        return "an image's values are no whole eights";
    return nullptr;
}

constexpr auto run_elements = all_types([]<class T>(const FinishImages& args, Context& context) {
    const int64_t count = args.batch * args.values();
    if (count == 0) return;
    launch(finish_elements<T>, blocks_for(count, threads), threads, 0, stream(), finish_of<T>(args, context));
});

template <class T>
void launch_plain(const FinishImages& args) {
    const int64_t count = args.batch * args.values();
    launch(normalize_packs<T>, blocks_for(divide_up(count, Pack<T>::size), threads * packs_under_way),
           threads, 0, stream(), args.images, OfColour<Accumulate<T>>(args.finish), static_cast<T*>(args.y),
           count);
}

template <class T>
void launch_packs(const FinishImages& args, Context& context) {
    const int64_t parts = divide_up(args.values(), int64_t{threads * packs_under_way * Pack<T>::size});
    launch(finish_packs<T>, blocks_for(args.batch * parts, 1), threads, 0, stream(),
           finish_of<T>(args, context), static_cast<int>(parts));
}

constexpr auto run_packs = all_types([]<class T>(const FinishImages& args, Context& context) {
    if (args.batch * args.values() == 0) return;
    args.finish.plain() ? launch_plain<T>(args) : launch_packs<T>(args, context);
});

constexpr Implementation<FinishImages> list[]{{"packs", refuses_packs, run_packs},
                                              {"elements", refuses_large, run_elements}};

}  // namespace

const Kernel<FinishImages> finish_images{"finish_images", list};

}  // namespace vitrine::VITRINE_GPU
