// From u8 images to the network's input: one multiplication and one addition a value.

#include "kernels/cpu/parallel.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/normalize_images.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// A vector's worth of bytes as T.
template <class T>
HWY_INLINE HWY_ATTR Vector<T> load_bytes(const uint8_t* from) {
    const hn::ScalableTag<T> d;
    const hn::Rebind<uint8_t, decltype(d)> d_byte;
    const hn::Rebind<int32_t, decltype(d)> d_int;
    const auto integers = hn::PromoteTo(d_int, hn::LoadU(d_byte, from));
    if constexpr (sizeof(T) == sizeof(int32_t)) {
        return hn::ConvertTo(d, integers);
    } else {
        return hn::PromoteTo(d, integers);
    }
}

/// Three vectors hold a whole number of pixels, so each of the three has constants that never change: element
/// i of the three belongs to colour i mod 3.
template <class T>
HWY_ATTR void normalize(const NormalizeImages& args, int64_t begin, int64_t end) {
    const hn::ScalableTag<T> d;
    const int64_t lanes = lanes_of<T>();
    HWY_ALIGN T scales[3 * hn::MaxLanes(d)], shifts[3 * hn::MaxLanes(d)];
    for (int64_t i = 0; i < 3 * lanes; ++i) {
        const size_t colour = static_cast<size_t>(i % 3);
        scales[i] = static_cast<T>(1 / (255 * args.deviation[colour]));
        shifts[i] = static_cast<T>(-args.mean[colour] / args.deviation[colour]);
    }
    const uint8_t* images = args.images;
    T* y = static_cast<T*>(args.y);
    int64_t i = 3 * begin;
    for (; i + 3 * lanes <= 3 * end; i += 3 * lanes) {
        unrolled<3>([&](auto k) HWY_ATTR {
            const int64_t offset = k * lanes;
            const auto scale = hn::Load(d, scales + offset), shift = hn::Load(d, shifts + offset);
            hn::StoreU(hn::MulAdd(load_bytes<T>(images + i + offset), scale, shift), d, y + i + offset);
        });
    }
    for (; i < 3 * end; ++i) y[i] = static_cast<T>(images[i]) * scales[i % 3] + shifts[i % 3];
}

void normalize_chunk(const NormalizeImages& args, int64_t begin, int64_t end) {
    dispatch_float(args.dtype, [&]<class T>() { normalize<T>(args, begin, end); });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(normalize_chunk);

void run_normalize(const NormalizeImages& args, Context&) {
    const auto chunks = Chunks::of_elements(args.pixels);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        HWY_DYNAMIC_DISPATCH(normalize_chunk)(args, chunks.begin(chunk), chunks.end(chunk));
    });
}

constexpr Implementation<NormalizeImages> list[]{{"vector", refuses_nothing, run_normalize}};

}  // namespace

const Kernel<NormalizeImages> normalize_images{"normalize_images", list};

}  // namespace vitrine::cpu
#endif
