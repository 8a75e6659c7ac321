// Dense and pointwise convolution as matrix products.
//
// Forward, a row of the left matrix is the window of an output pixel. For the gradient of the input, a row is
// the set of gradients that reach an input pixel: with stride s, pixels whose coordinates leave the same
// remainder by s see the same taps, so that each remainder is a product of its own, a convolution of stride 1
// over d_y with the taps reversed.

#include "kernels/cpu/gemm_conv.h"

#include <vector>

#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/conv_parts.h"
#include "kernels/cpu/products.h"

namespace vitrine::cpu {
namespace {

int64_t group_in(const ConvShape& shape) { return shape.in_channels / shape.groups; }
int64_t group_out(const ConvShape& shape) { return shape.out_channels / shape.groups; }
int64_t group_depth(const ConvShape& shape) {
    return shape.kernel.height * shape.kernel.width * group_in(shape);
}

/// The windows of the output pixels.
template <class T>
RowSource<T> windows(const ConvShape& shape, const void* x, const Prologue& prologue, int64_t group) {
    RowSource<T> source = RowSource<T>::of_windows(shape, x);
    source.first_channel = group * group_in(shape);
    source.group_channels = group_in(shape);
    source.scale = static_cast<const Accumulate<T>*>(prologue.scale);
    source.shift = static_cast<const Accumulate<T>*>(prologue.shift);
    source.activation = prologue.activation;
    return source;
}

template <class T, class Products>
void forward(const ConvForward& args, const Products& products, Context& context) {
    using A = Accumulate<T>;
    const ConvShape& shape = args.shape;
    const T* weight = static_cast<const T*>(args.weight);
    const A* bias = static_cast<const A*>(args.bias);
    const int64_t depth = group_depth(shape);
    const int64_t columns = group_out(shape);
    const Chunks chunks = products.chunks(shape.out_pixels(), depth, columns);

    RowSink<T> sink;
    sink.pixels = static_cast<T*>(args.y);
    sink.grid = sink.in = shape.out();
    sink.channels = shape.out_channels;
    if (!args.epilogue.plain()) {
        sink.means = context.scratch.take<A>(chunks.count() * shape.out_channels);
        sink.m2s = context.scratch.take<A>(chunks.count() * shape.out_channels);
    }
    for (int64_t group = 0; group < shape.groups; ++group) {
        sink.first_channel = group * columns;
        const auto matrix = products.transposed(weight + group * columns * depth, depth, columns,
                                                bias == nullptr ? nullptr : bias + group * columns, context);
        products.multiply(windows<T>(shape, args.x, args.prologue, group), matrix, sink, context);
    }
    if (!args.epilogue.plain()) {
        combine_statistics(sink.means, sink.m2s, chunks, shape.out_channels, shape.out_channels,
                           static_cast<A*>(args.epilogue.mean), static_cast<A*>(args.epilogue.m2));
    }
}

template <class T, class G, class Products>
void weight_gradient(const ConvBackward& args, const G* g, const EpiloguePart<G>& epilogue,
                     const Products& products, Context& context) {
    const ConvShape& shape = args.shape;
    for (int64_t group = 0; group < shape.groups; ++group) {
        OuterProduct<T, G> task;
        task.source = windows<T>(shape, args.x, args.prologue, group);
        task.gradient = g;
        task.epilogue = epilogue;
        task.stride = shape.out_channels;
        task.first = group * group_out(shape);
        task.count = group_out(shape);
        task.weight = args.d_weight;
        task.bias = args.d_bias;
        if (task.weight)
            task.weight.data =
                static_cast<Accumulate<T>*>(task.weight.data) + task.first * group_depth(shape);
        if (task.bias) task.bias.data = static_cast<Accumulate<T>*>(task.bias.data) + task.first;
        products.outer(task, context);
    }
}

/// The taps that reach the input coordinates r, r + stride, … of one axis: tap p reads the output coordinate
/// (r + padding − p) / stride, if that is whole. In the order of rising output coordinates, tap t is
/// `last` − t · stride.
struct AxisTaps {
    int64_t count;   // of taps
    int64_t last;    // the tap that reads the lowest output coordinate
    int64_t offset;  // the output coordinate of tap 0 of input r + i · stride is i − offset
    int64_t inputs;  // how many input coordinates there are

    AxisTaps(int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t r) {
        const int64_t first = (r + padding) % stride;
        count = first < kernel ? (kernel - 1 - first) / stride + 1 : 0;
        last = first + (count - 1) * stride;
        offset = count - 1 - (r + padding - first) / stride;
        inputs = in > r ? (in - r + stride - 1) / stride : 0;
    }
};

/// The pixels whose coordinates leave one remainder by the stride, and what reaches them.
struct Remainder {
    Size2 first;
    AxisTaps rows;
    AxisTaps columns;

    Remainder(const ConvShape& shape, Size2 r)
        : first(r),
          rows(shape.in.height, shape.kernel.height, shape.stride.height, shape.padding.height, r.height),
          columns(shape.in.width, shape.kernel.width, shape.stride.width, shape.padding.width, r.width) {}

    int64_t depth(const ConvShape& shape) const { return rows.count * columns.count * group_out(shape); }
    int64_t pixels(const ConvShape& shape) const { return shape.batch * rows.inputs * columns.inputs; }
    template <class Products>
    Chunks chunks(const ConvShape& shape) const {
        return Products::chunks(pixels(shape), depth(shape), group_in(shape));
    }
};

std::vector<Remainder> remainders(const ConvShape& shape) {
    std::vector<Remainder> all;
    for (int64_t i = 0; i < std::min(shape.stride.height, shape.in.height); ++i) {
        for (int64_t j = 0; j < std::min(shape.stride.width, shape.in.width); ++j)
            all.emplace_back(shape, Size2{i, j});
    }
    return all;
}

/// d_a of the pixels of one remainder, for one group.
template <class T, class G, class Products>
void remainder_gradient(const ConvBackward& args, const G* g, const Remainder& remainder, int64_t group,
                        RowSink<T> sink, const Products& products, Context& context) {
    const ConvShape& shape = args.shape;
    RowSource<G> source;
    source.pixels = g;
    source.batch = shape.batch;
    source.grid = {remainder.rows.inputs, remainder.columns.inputs};
    source.in = shape.out();
    source.channels = shape.out_channels;
    source.first_channel = group * group_out(shape);
    source.group_channels = group_out(shape);
    source.taps = {remainder.rows.count, remainder.columns.count};
    source.step = {1, 1};
    source.offset = {remainder.rows.offset, remainder.columns.offset};

    sink.grid = source.grid;
    sink.first = remainder.first;
    sink.first_channel = group * group_in(shape);

    const T* weight = static_cast<const T*>(args.weight) + group * group_out(shape) * group_depth(shape);
    const auto weight_offset = [&](int64_t k) {
        const int64_t tap = k / source.group_channels;
        const int64_t p = remainder.rows.last - tap / source.taps.width * shape.stride.height;
        const int64_t q = remainder.columns.last - tap % source.taps.width * shape.stride.width;
        return k % source.group_channels * group_depth(shape) +
               (p * shape.kernel.width + q) * group_in(shape);
    };
    const auto matrix =
        source.taps == Size2{1, 1}
            ? products.rows(weight + weight_offset(0), source.depth(), group_in(shape), group_depth(shape),
                            source.rows(), context)
            : products.scattered_rows(weight, source.depth(), group_in(shape), context, weight_offset);
    products.multiply(source, matrix, sink, context);
}

template <class T, class G, class Products>
void input_gradient(const ConvBackward& args, const G* g, const Products& products, Context& context) {
    using A = Accumulate<T>;
    const ConvShape& shape = args.shape;
    const std::vector<Remainder> parts = remainders(shape);
    int64_t chunks = 0;
    for (const Remainder& part : parts) chunks += part.chunks<Products>(shape).count();

    RowSink<T> sink;
    sink.pixels = static_cast<T*>(args.d_x.data);
    sink.accumulate = args.d_x.mode == GradMode::accumulate;
    sink.in = shape.in;
    sink.channels = shape.in_channels;
    sink.step = shape.stride;
    if (!args.prologue.plain()) {
        sink.x = static_cast<const T*>(args.x);
        sink.scale = static_cast<const A*>(args.prologue.scale);
        sink.shift = static_cast<const A*>(args.prologue.shift);
        sink.activation = args.prologue.activation;
    }
    A* scale_sums = args.d_scale ? context.scratch.take<A>(chunks * shape.in_channels) : nullptr;
    A* shift_sums = args.d_shift ? context.scratch.take<A>(chunks * shape.in_channels) : nullptr;
    int64_t chunk = 0;
    for (const Remainder& part : parts) {
        sink.scale_sums = scale_sums == nullptr ? nullptr : scale_sums + chunk * shape.in_channels;
        sink.shift_sums = shift_sums == nullptr ? nullptr : shift_sums + chunk * shape.in_channels;
        for (int64_t group = 0; group < shape.groups; ++group) {
            remainder_gradient<T>(args, g, part, group, sink, products, context);
        }
        chunk += part.chunks<Products>(shape).count();
    }
    if (args.d_scale) combine_sums(scale_sums, chunks, shape.in_channels, shape.in_channels, args.d_scale);
    if (args.d_shift) combine_sums(shift_sums, chunks, shape.in_channels, shape.in_channels, args.d_shift);
}

bool goes_on(const ConvBackward& args) { return args.d_x || args.d_scale || args.d_shift; }

/// From g, which is d_y or wider.
template <class T, class G, class Products>
void backward_from(const ConvBackward& args, const G* g, const Products& products, Context& context) {
    if (args.d_weight || args.d_bias) weight_gradient<T, G>(args, g, {}, products, context);
    if (goes_on(args)) input_gradient<T>(args, g, products, context);
}

/// Where nobody else wants g, as in the first layer, it is made of d_y and y while they are read, and never stored.
template <class T, class Products>
void weight_gradient_alone(const ConvBackward& args, const Products& products, Context& context) {
    using A = Accumulate<T>;
    const int64_t channels = args.shape.out_channels;
    EpiloguePart<T> epilogue;
    if (changes_gradient(args)) {
        A* level = context.scratch.take<A>(channels);
        A* slope = context.scratch.take<A>(channels);
        epilogue_coefficients(args, level, slope);
        epilogue = {static_cast<const T*>(args.y), level, slope, static_cast<const A*>(args.mean)};
    }
    weight_gradient<T, T>(args, static_cast<const T*>(args.d_y), epilogue, products, context);
}

template <class T>
void backward(const ConvBackward& args, Context& context) {
    if (!goes_on(args)) return weight_gradient_alone<T>(args, ByVectors(), context);
    const void* g = gradient_through_epilogue(args, context);
    changes_gradient(args)
        ? backward_from<T>(args, static_cast<const Accumulate<T>*>(g), ByVectors(), context)
        : backward_from<T>(args, static_cast<const T*>(g), ByVectors(), context);
}

}  // namespace

void gemm_conv_forward(const ConvForward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() { forward<T>(args, ByVectors(), context); });
}

void gemm_conv_backward(const ConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() { backward<T>(args, context); });
}

void amx_conv_forward(const ConvForward& args, Context& context) { forward<bf16>(args, ByTiles(), context); }

void amx_conv_backward(const ConvBackward& args, Context& context) {
    ByTiles products;
    if (!goes_on(args)) return weight_gradient_alone<bf16>(args, products, context);
    const bf16* g = amx::gradient_in_terms(args, products.terms, context);
    backward_from<bf16>(args, g, products, context);
}

}  // namespace vitrine::cpu
