// Add: one pass over memory.

#include "kernels/cpu/in_chunks.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/add.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

constexpr auto forward = all_types([]<class T>(const AddForward& args, Range range) HWY_ATTR {
    const T* a = static_cast<const T*>(args.a) + range.begin;
    const T* b = static_cast<const T*>(args.b) + range.begin;
    T* y = static_cast<T*>(args.y) + range.begin;
    for_each_vector<Accumulate<T>>(range.count(), [=](auto part, int64_t i) HWY_ATTR {
        part.store(hn::Add(part.load(a + i), part.load(b + i)), y + i);
    });
});
void forward_chunk(const AddForward& args, Range range) { forward(args, range); }

constexpr auto backward = all_types([]<class T>(const AddBackward& args, Range range) HWY_ATTR {
    const T* d_y = static_cast<const T*>(args.d_y);
    const VectorGradient<T> d_a(args.d_a), d_b(args.d_b);
    for_each_vector<Accumulate<T>>(range.count(), [=](auto part, int64_t offset) HWY_ATTR {
        const int64_t i = range.begin + offset;
        const auto gradient = part.load(d_y + i);
        if (d_a) d_a.put(part, i, gradient);
        if (d_b) d_b.put(part, i, gradient);
    });
});
void backward_chunk(const AddBackward& args, Range range) { backward(args, range); }

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

constexpr Implementation<AddForward> forward_list[]{{"vector", refuses_nothing, VITRINE_IN_CHUNKS(forward)}};
constexpr Implementation<AddBackward> backward_list[]{
    {"vector", refuses_nothing, VITRINE_IN_CHUNKS(backward)}};

}  // namespace

const Kernel<AddForward> add_forward{"add_forward", forward_list};
const Kernel<AddBackward> add_backward{"add_backward", backward_list};

}  // namespace vitrine::cpu
#endif
