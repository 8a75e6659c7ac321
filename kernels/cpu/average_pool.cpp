// Average pooling: each output gathers its window, and in backward each input gathers the windows over it.

#include "kernels/cpu/in_chunks.h"
#include "kernels/cpu/onednn/onednn.h"
#include "kernels/cpu/windows.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/average_pool.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// A rectangle of an image of `width` pixels a row.
struct Rectangle {
    Span rows;
    Span columns;
    int64_t width;
};

/// The sum over the rectangle of `image`, at the vector of channels that begins at c.
template <class T, class Part>
HWY_INLINE HWY_ATTR Vector<Accumulate<T>> sum_over(const Rectangle& rectangle, const T* image,
                                                   int64_t channels, const Part& part, int64_t c) {
    auto sum = constant<Accumulate<T>>(0);
    for (int64_t row = rectangle.rows.begin; row < rectangle.rows.end; ++row) {
        for (int64_t column = rectangle.columns.begin; column < rectangle.columns.end; ++column) {
            sum = hn::Add(sum, part.load(image + (row * rectangle.width + column) * channels + c));
        }
    }
    return sum;
}

/// Row `unit` of all output rows of the batch.
constexpr auto forward = all_types([]<class T>(const AveragePoolForward& args, int64_t unit) HWY_ATTR {
    const PoolShape& shape = args.shape;
    const Size2 out = shape.out();
    const T* image =
        static_cast<const T*>(args.x) + unit / out.height * shape.in.height * shape.in.width * shape.channels;
    T* y = static_cast<T*>(args.y) + unit * out.width * shape.channels;
    const auto share =
        constant<Accumulate<T>>(1.0 / static_cast<double>(shape.kernel.height * shape.kernel.width));
    const Span rows = height_axis(shape).inputs_of(unit % out.height);
    const WindowAxis columns = width_axis(shape);
    for (int64_t j = 0; j < out.width; ++j) {
        const Rectangle window{rows, columns.inputs_of(j), shape.in.width};
        for_each_vector<Accumulate<T>>(shape.channels, [&](auto part, int64_t c) HWY_ATTR {
            part.store(hn::Mul(sum_over(window, image, shape.channels, part, c), share),
                       y + j * shape.channels + c);
        });
    }
});
void forward_chunk(const AveragePoolForward& args, Range rows) {
    for (int64_t row = rows.begin; row < rows.end; ++row) forward(args, row);
}

/// Row `unit` of all input rows of the batch.
constexpr auto backward = all_types([]<class T>(const AveragePoolBackward& args, int64_t unit) HWY_ATTR {
    if (!args.d_x) return;
    const PoolShape& shape = args.shape;
    const Size2 out = shape.out();
    const T* d_image =
        static_cast<const T*>(args.d_y) + unit / shape.in.height * out.height * out.width * shape.channels;
    const VectorGradient<T> d_x(args.d_x);
    const auto share =
        constant<Accumulate<T>>(1.0 / static_cast<double>(shape.kernel.height * shape.kernel.width));
    const Span rows = height_axis(shape).windows_over(unit % shape.in.height);
    const WindowAxis columns = width_axis(shape);
    for (int64_t w = 0; w < shape.in.width; ++w) {
        const Rectangle windows{rows, columns.windows_over(w), out.width};
        for_each_vector<Accumulate<T>>(shape.channels, [&](auto part, int64_t c) HWY_ATTR {
            d_x.put(part, (unit * shape.in.width + w) * shape.channels + c,
                    hn::Mul(sum_over(windows, d_image, shape.channels, part, c), share));
        });
    }
});
void backward_chunk(const AveragePoolBackward& args, Range rows) {
    for (int64_t row = rows.begin; row < rows.end; ++row) backward(args, row);
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

Chunks chunks_of(const AveragePoolForward& args) { return {args.shape.batch * args.shape.out().height, 1}; }
Chunks chunks_of(const AveragePoolBackward& args) { return {args.shape.batch * args.shape.in.height, 1}; }

constexpr Implementation<AveragePoolForward> forward_list[]{
    {"vector", refuses_nothing, VITRINE_IN_CHUNKS(forward)},
    {"onednn", onednn::refuses_average_pool_forward, onednn::run_average_pool_forward}};
constexpr Implementation<AveragePoolBackward> backward_list[]{
    {"vector", refuses_nothing, VITRINE_IN_CHUNKS(backward)},
    {"onednn", onednn::refuses_average_pool_backward, onednn::run_average_pool_backward}};

}  // namespace

const Kernel<AveragePoolForward> average_pool_forward{"average_pool_forward", forward_list};
const Kernel<AveragePoolBackward> average_pool_backward{"average_pool_backward", backward_list};

}  // namespace vitrine::cpu
#endif
