// From u8 images to the network's input: y = (images / 255 − mean_c) / deviation_c.
//
// A value is 5 bytes in f32: 1 read, 4 written. 224 · 224 · 3 values a picture make 0.75 MB, 0.25 µs at
// 3 TB/s.
//
//     elements   one thread a value, the formula as it stands: two divisions, and the colour by another. A
//                warp reads 32 bytes at a time, so most of what is under way is addresses
//     packs      one thread a pack of the result: it reads 4 bytes as one word and writes 16. Both requests
//                of a warp are whole, 128 and 512 consecutive bytes. The formula becomes one multiply-add,
//                y = image · scale_c + shift_c
//
// Three colours and packs of four do not fit each other: the colour of a pack's first value goes through 0,
// 1, 2 from thread to thread. A block of 192 threads, a multiple of 3 and of 32, makes that colour depend on
// the thread alone, also for the packs that the same thread takes later: its constants are picked once.
//
// One thread for each 4 pixels, 12 bytes to 48, needs no such thought, but its loads lie 12 and its stores 48
// bytes apart from lane to lane: each request then touches three times the sectors that it uses.

#include <type_traits>

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int colours = 3;

/// A number for each colour. Kernels take it by value.
template <class T>
struct OfColour {
    T red, green, blue;

    /// A choice and not an array's element: arrays that a thread indexes lie in memory.
    __device__ __forceinline__ T operator[](int colour) const {
        return colour == 0 ? red : colour == 1 ? green : blue;
    }
};

// The naive rung.

constexpr int element_threads = 256;

template <class T>
__global__ void __launch_bounds__(element_threads)
    normalize_elements(const uint8_t* __restrict__ images, OfColour<T> mean, OfColour<T> deviation,
                       T* __restrict__ y, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const int colour = static_cast<int>(i % colours);
    y[i] = (static_cast<T>(images[i]) / T(255) - mean[colour]) / deviation[colour];
}

// The fast rung.

constexpr int pack_threads = 192;
constexpr int packs_under_way = 4;  // of each thread
static_assert(pack_threads % colours == 0 && pack_threads % 32 == 0);

/// As many bytes as a pack of T has values, in one word; the first byte is the lowest.
template <class T>
using Bytes = std::conditional_t<Pack<T>::size == 4, uint32_t, uint16_t>;

/// A block takes pack_threads · packs_under_way neighbouring packs. The last count % size values go to the
/// first block.
template <class T>
__global__ void __launch_bounds__(pack_threads)
    normalize_packs(const uint8_t* __restrict__ images, OfColour<T> scale, OfColour<T> shift,
                    T* __restrict__ y, int64_t count) {
    constexpr int size = Pack<T>::size;
    const int thread = static_cast<int>(threadIdx.x);
    const int64_t packs = count / size;
    const int64_t first = int64_t{blockIdx.x} * (pack_threads * packs_under_way) + thread;

    Bytes<T> bytes[packs_under_way];
    VITRINE_UNROLL
    for (int k = 0; k < packs_under_way; ++k) {
        const int64_t pack = first + k * pack_threads;
        if (pack < packs) bytes[k] = reinterpret_cast<const Bytes<T>*>(images)[pack];
    }

    Pack<T> own_scale, own_shift;
    VITRINE_UNROLL
    for (int k = 0; k < size; ++k) {
        own_scale[k] = scale[(thread * size + k) % colours];
        own_shift[k] = shift[(thread * size + k) % colours];
    }

    VITRINE_UNROLL
    for (int k = 0; k < packs_under_way; ++k) {
        const int64_t pack = first + k * pack_threads;
        if (pack >= packs) break;
        Pack<T> values;
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j) {
            const T image = static_cast<T>(bytes[k] >> (8 * j) & 0xFF);
            values[j] = multiply_add(image, own_scale[j], own_shift[j]);
        }
        store_pack(y + pack * size, values);
    }

    const int64_t rest = packs * size + thread;
    if (blockIdx.x == 0 && rest < count) {
        const int colour = static_cast<int>(rest % colours);
        y[rest] = multiply_add(static_cast<T>(images[rest]), scale[colour], shift[colour]);
    }
}

// The host's side.

const char* refuses_unaligned(const NormalizeImages& args) {
    if (reinterpret_cast<uintptr_t>(args.images) % 4 != 0) return "the images are not aligned to 4 bytes";
    return aligned(args.y) ? nullptr : "y is not aligned to 16 bytes";
}

/// of(c) for each colour c.
template <class T, class Of>
OfColour<T> for_each_colour(Of of) {
    return {static_cast<T>(of(0)), static_cast<T>(of(1)), static_cast<T>(of(2))};
}

void run_elements(const NormalizeImages& args, Context&) {
    const int64_t count = args.pixels * colours;
    if (count == 0) return;
    dispatch_float(args.dtype, [&]<class T>() {
        launch(normalize_elements<T>, blocks_for(count, element_threads), element_threads, 0, stream(),
               args.images, for_each_colour<T>([&](size_t c) { return args.mean[c]; }),
               for_each_colour<T>([&](size_t c) { return args.deviation[c]; }), static_cast<T*>(args.y),
               count);
    });
}

void run_packs(const NormalizeImages& args, Context&) {
    const int64_t count = args.pixels * colours;
    if (count == 0) return;
    dispatch_float(args.dtype, [&]<class T>() {
        const int64_t packs = divide_up(count, Pack<T>::size);
        const auto scale = for_each_colour<T>([&](size_t c) { return 1 / (255 * args.deviation[c]); });
        const auto shift = for_each_colour<T>([&](size_t c) { return -args.mean[c] / args.deviation[c]; });
        launch(normalize_packs<T>, blocks_for(packs, pack_threads * packs_under_way), pack_threads, 0,
               stream(), args.images, scale, shift, static_cast<T*>(args.y), count);
    });
}

constexpr Implementation<NormalizeImages> list[]{{"packs", refuses_unaligned, run_packs},
                                                 {"elements", refuses_nothing, run_elements}};

}  // namespace

const Kernel<NormalizeImages> normalize_images{"normalize_images", list};

}  // namespace vitrine::VITRINE_GPU
