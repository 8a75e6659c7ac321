// Max pooling: forward compares vectors of channels and keeps the winners' positions beside them; backward
// sends each gradient to its winner.

#include "kernels/cpu/in_chunks.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/cpu/windows.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/max_pool.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Positions ride in lanes as wide as the values, so that one mask chooses both.
template <class T>
using IndexTag = hn::RebindToSigned<hn::ScalableTag<Accumulate<T>>>;

template <class T>
HWY_INLINE HWY_ATTR void store_indices(hn::Vec<IndexTag<T>> indices, int64_t count, int32_t* to) {
    const IndexTag<T> d;
    HWY_ALIGN hn::TFromD<IndexTag<T>> all[hn::MaxLanes(d)];
    hn::Store(indices, d, all);
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<int32_t>(all[i]);
}

/// The winners of one window, at the vector of channels that begins at c.
template <class T, class Part>
HWY_INLINE HWY_ATTR auto window_maximum(const PoolShape& shape, const T* image, Span rows, Span columns,
                                        const Part& part, int64_t c) {
    const IndexTag<T> d_index;
    using Index = hn::TFromD<IndexTag<T>>;
    const int64_t first = rows.begin * shape.in.width + columns.begin;
    auto best = part.load(image + first * shape.channels + c);
    auto winner = hn::Set(d_index, static_cast<Index>(first));
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        for (int64_t column = columns.begin; column < columns.end; ++column) {
            const int64_t position = row * shape.in.width + column;
            const auto value = part.load(image + position * shape.channels + c);
            // Larger, or the first NaN: "not ≤" is true with a NaN on either side.
            const auto beats = hn::AndNot(hn::IsNaN(best), hn::Not(hn::Le(value, best)));
            best = hn::IfThenElse(beats, value, best);
            winner = hn::IfThenElse(hn::RebindMask(d_index, beats),
                                    hn::Set(d_index, static_cast<Index>(position)), winner);
        }
    }
    return std::pair(best, winner);
}

/// Row `unit` of all output rows of the batch.
constexpr auto forward = all_types([]<class T>(const MaxPoolForward& args, int64_t unit) HWY_ATTR {
    const PoolShape& shape = args.shape;
    const Size2 out = shape.out();
    const T* image =
        static_cast<const T*>(args.x) + unit / out.height * shape.in.height * shape.in.width * shape.channels;
    const Span rows = height_axis(shape).inputs_of(unit % out.height);
    const WindowAxis axis = width_axis(shape);
    for (int64_t j = 0; j < out.width; ++j) {
        const Span columns = axis.inputs_of(j);
        const int64_t first = (unit * out.width + j) * shape.channels;
        for_each_vector<Accumulate<T>>(shape.channels, [&](auto part, int64_t c) HWY_ATTR {
            const auto [best, winner] = window_maximum(shape, image, rows, columns, part, c);
            part.store(best, static_cast<T*>(args.y) + first + c);
            store_indices<T>(winner, std::min(lanes_of<Accumulate<T>>(), shape.channels - c),
                             args.index + first + c);
        });
    }
});
void forward_chunk(const MaxPoolForward& args, Range rows) {
    for (int64_t row = rows.begin; row < rows.end; ++row) forward(args, row);
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

Chunks chunks_of(const MaxPoolForward& args) { return {args.shape.batch * args.shape.out().height, 1}; }

/// Adds the gradients of image n to their winners, in `sums` of an image; windows may share one.
template <class T>
void add_to_winners(const MaxPoolBackward& args, int64_t n, Accumulate<T>* sums) {
    const PoolShape& shape = args.shape;
    const int64_t out_pixels = shape.out().height * shape.out().width;
    const T* d_y = static_cast<const T*>(args.d_y) + n * out_pixels * shape.channels;
    const int32_t* index = args.index + n * out_pixels * shape.channels;
    for (int64_t pixel = 0; pixel < out_pixels; ++pixel) {
        for (int64_t c = 0; c < shape.channels; ++c) {
            const int64_t i = pixel * shape.channels + c;
            sums[index[i] * shape.channels + c] += static_cast<Accumulate<T>>(d_y[i]);
        }
    }
}

/// In place where d_x can hold sums, else through `sums`, of an image.
template <class T>
void scatter_image(const MaxPoolBackward& args, int64_t n, Accumulate<T>* sums) {
    using A = Accumulate<T>;
    const int64_t in_count = args.shape.in.height * args.shape.in.width * args.shape.channels;
    T* d_x = static_cast<T*>(args.d_x.data) + n * in_count;
    if constexpr (is_half_type<T>) {
        std::fill(sums, sums + in_count, A(0));
        add_to_winners<T>(args, n, sums);
        const GradientWriter<T> write({d_x, args.d_x.mode});
        for (int64_t i = 0; i < in_count; ++i) write(i, sums[i]);
    } else {
        if (args.d_x.mode == GradMode::write) std::fill(d_x, d_x + in_count, T(0));
        add_to_winners<T>(args, n, d_x);
    }
}

constexpr auto backward = all_types([]<class T>(const MaxPoolBackward& args, Context& context) {
    if (!args.d_x) return;
    const int64_t in_count = args.shape.in.height * args.shape.in.width * args.shape.channels;
    const PerThread<Accumulate<T>> sums(context, is_half_type<T> ? in_count : 0);
    parallel_for(args.shape.batch, [&](int64_t n) { scatter_image<T>(args, n, sums.mine()); });
});

constexpr Implementation<MaxPoolForward> forward_list[]{
    {"vector", refuses_nothing, VITRINE_IN_CHUNKS(forward)}};
constexpr Implementation<MaxPoolBackward> backward_list[]{{"scatter", refuses_nothing, backward}};

}  // namespace

const Kernel<MaxPoolForward> max_pool_forward{"max_pool_forward", forward_list};
const Kernel<MaxPoolBackward> max_pool_backward{"max_pool_backward", backward_list};

}  // namespace vitrine::cpu
#endif
