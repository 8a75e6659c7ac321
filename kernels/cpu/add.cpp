// Add: one pass over memory.

#include "kernels/cpu/parallel.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/add.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

template <class T>
HWY_ATTR void forward(const AddForward& args, int64_t begin, int64_t end) {
    const T* a = static_cast<const T*>(args.a) + begin;
    const T* b = static_cast<const T*>(args.b) + begin;
    T* y = static_cast<T*>(args.y) + begin;
    for_each_vector<Accumulate<T>>(end - begin, [=](auto part, int64_t i) HWY_ATTR {
        part.store(hn::Add(part.load(a + i), part.load(b + i)), y + i);
    });
}

template <class T>
HWY_ATTR void backward(const AddBackward& args, int64_t begin, int64_t end) {
    const T* d_y = static_cast<const T*>(args.d_y);
    const VectorGradient<T> d_a(args.d_a), d_b(args.d_b);
    for_each_vector<Accumulate<T>>(end - begin, [=](auto part, int64_t offset) HWY_ATTR {
        const int64_t i = begin + offset;
        const auto gradient = part.load(d_y + i);
        if (d_a) d_a.put(part, i, gradient);
        if (d_b) d_b.put(part, i, gradient);
    });
}

void forward_chunk(const AddForward& args, int64_t begin, int64_t end) {
    dispatch_storage(args.dtype, [&]<class T>() { forward<T>(args, begin, end); });
}

void backward_chunk(const AddBackward& args, int64_t begin, int64_t end) {
    dispatch_storage(args.dtype, [&]<class T>() { backward<T>(args, begin, end); });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(forward_chunk);
HWY_EXPORT(backward_chunk);

void run_forward(const AddForward& args, Context&) {
    const auto chunks = Chunks::of_elements(args.count);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        HWY_DYNAMIC_DISPATCH(forward_chunk)(args, chunks.begin(chunk), chunks.end(chunk));
    });
}

void run_backward(const AddBackward& args, Context&) {
    const auto chunks = Chunks::of_elements(args.count);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        HWY_DYNAMIC_DISPATCH(backward_chunk)(args, chunks.begin(chunk), chunks.end(chunk));
    });
}

constexpr Implementation<AddForward> forward_list[]{
    {"vector", refuses_nothing, run_forward, StorageTypes::all}};
constexpr Implementation<AddBackward> backward_list[]{
    {"vector", refuses_nothing, run_backward, StorageTypes::all}};

}  // namespace

const Kernel<AddForward> add_forward{"add_forward", forward_list};
const Kernel<AddBackward> add_backward{"add_backward", backward_list};

}  // namespace vitrine::cpu
#endif
