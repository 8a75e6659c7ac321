// The input gradients of a dense convolution as implicit matrix products.
//
// d_a of an input pixel is a sum over the taps that met it: tap p of window i where i · stride + p − padding
// is the pixel's row. With stride 2 that is every other tap, and which ones depends on the pixel's row modulo
// the stride. So the pixels are sorted into stride_height · stride_width classes, and each class has a
// product of its own with the taps that it needs:
//
//     3×3, stride 2      rows, columns of the class     taps
//                        even, even                     1
//                        even, odd                      2
//                        odd, even                      2
//                        odd, odd                       4          9 taps for 4 pixels: none is wasted
//
// where one product over all pixels and all taps would multiply zeros three times out of four. With stride 1
// there is one class with all taps. A class without taps (a 1×1 kernel of stride 2 has three) multiplies
// nothing, and its d_x is zero.
//
// The prologue's chain rule is applied to the sums in registers: x is read, d_x written, and the sums for
// d_scale and d_shift leave as partials of each tile of rows. Bytes, f32, beside the product's: 4 for each
// element of d_x, and 4 of x with a prologue; a pass of its own over d_a would be 8 more.

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "kernels/cuda/dense_conv_gemm.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// What one axis of a class has: its pixels first, first + stride, …, and its taps likewise.
struct ClassAxis {
    int64_t first_pixel;
    int64_t pixels;
    int64_t first_tap;
    int64_t taps;
    int64_t first_window;  // the one whose first_tap meets first_pixel; the next pixel's is the next window
};

ClassAxis class_axis(int64_t remainder, int64_t in, int64_t kernel, int64_t stride, int64_t padding) {
    const int64_t pixels = remainder < in ? divide_up(in - remainder, stride) : 0;
    const int64_t first_tap = (remainder + padding) % stride;
    const int64_t taps = first_tap < kernel ? divide_up(kernel - first_tap, stride) : 0;
    return {remainder, pixels, first_tap, taps, (remainder + padding - first_tap) / stride};
}

struct PixelClass {
    ClassAxis rows;
    ClassAxis columns;

    int64_t pixels_of_image() const { return rows.pixels * columns.pixels; }
    int64_t taps() const { return rows.taps * columns.taps; }
};

std::vector<PixelClass> classes_of(const ConvShape& s) {
    std::vector<PixelClass> classes;
    for (int64_t i = 0; i < s.stride.height; ++i) {
        for (int64_t j = 0; j < s.stride.width; ++j) {
            const PixelClass pixels{
                class_axis(i, s.in.height, s.kernel.height, s.stride.height, s.padding.height),
                class_axis(j, s.in.width, s.kernel.width, s.stride.width, s.padding.width)};
            if (pixels.pixels_of_image() > 0) classes.push_back(pixels);
        }
    }
    return classes;
}

/// From the rows of a class's product to the pixels of x.
struct ClassPixels {
    Divisor count;   // of an image
    Divisor across;  // of a row
    int first_row;
    int first_column;
    int row_step;
    int column_step;
    int image_height;
    int image_width;

    ClassPixels(const PixelClass& pixels, const ConvShape& shape)
        : count(pixels.pixels_of_image()),
          across(pixels.columns.pixels),
          first_row(static_cast<int>(pixels.rows.first_pixel)),
          first_column(static_cast<int>(pixels.columns.first_pixel)),
          row_step(static_cast<int>(shape.stride.height)),
          column_step(static_cast<int>(shape.stride.width)),
          image_height(static_cast<int>(shape.in.height)),
          image_width(static_cast<int>(shape.in.width)) {}

    __device__ __forceinline__ int operator()(int row) const {
        const int n = count.divide(row);
        const int within = count.rest(row, n);
        const int i = across.divide(within);
        return (n * image_height + first_row + i * row_step) * image_width + first_column +
               across.rest(within, i) * column_step;
    }
};

/// A Put: the rows of C are pixels of a class.
template <class T>
struct PutPixels {
    using Stored = T;

    ClassPixels pixels;
    PutGradient<T> gradient;

    template <class V>
    __device__ __forceinline__ void operator()(int row, int column, V v) const {
        gradient(pixels(row), column, v);
    }
};

/// A class, its product's shape and plan.
struct ClassProduct {
    PixelClass pixels;
    int64_t m;
    int64_t k;
    GemmPlan plan;
};

std::vector<ClassProduct> products_of(const ConvBackward& args, GemmTiling tiling) {
    std::vector<ClassProduct> products;
    for (const PixelClass& pixels : classes_of(args.shape)) {
        const int64_t m = args.shape.batch * pixels.pixels_of_image();
        const int64_t k = pixels.taps() * args.shape.out_channels;
        products.push_back({pixels, m, k, plan_gemm(args.dtype, m, args.shape.in_channels, k, tiling)});
    }
    return products;
}

/// The windows of g that a class's pixels need. Tap p of the kernel meets window first_window − p / stride.
Windows class_windows(const PixelClass& pixels, const ConvShape& shape) {
    const Size2 out = shape.out();
    return {
        {Divisor(pixels.pixels_of_image()), Divisor(pixels.columns.pixels),
         static_cast<int>(pixels.rows.first_window), static_cast<int>(pixels.columns.first_window), 1, 1},
        {Divisor(shape.out_channels), Divisor(std::max<int64_t>(1, pixels.columns.taps)), -1},
        {static_cast<int>(out.height), static_cast<int>(out.width), static_cast<int>(shape.out_channels)}};
}

template <class V, class T>
WeightByTaps<V, T> class_weight(const ConvBackward& args, const PixelClass& pixels) {
    const ConvShape& s = args.shape;
    return {static_cast<const T*>(args.weight),
            Divisor(s.out_channels),
            Divisor(std::max<int64_t>(1, pixels.columns.taps)),
            static_cast<int>(pixels.rows.first_tap * s.kernel.width + pixels.columns.first_tap),
            static_cast<int>(s.stride.height * s.kernel.width),
            static_cast<int>(s.stride.width),
            static_cast<int>(s.kernel.height * s.kernel.width),
            static_cast<int>(s.in_channels)};
}

/// A class's loaders, for a product of some kind.
template <class V, class T, class F>
void with_operands(const ConvBackward& args, const PixelClass& pixels, F&& multiply) {
    multiply(
        LinesOfWindows<UpstreamSource<V, T>>{UpstreamSource<V, T>(args), class_windows(pixels, args.shape)},
        class_weight<V, T>(args, pixels));
}

/// One class's part of d_x (or of d_a), which is stored in To, without the prologue.
template <class V, class T, class To>
void run_plain(const ConvBackward& args, const ClassProduct& product, const Gradient& d_x, Context& context) {
    if (product.k == 0 && d_x.mode == GradMode::accumulate) return;
    const int64_t n = args.shape.in_channels;
    const PutPixels<To> put{ClassPixels(product.pixels, args.shape),
                            {ValuesWriter<To>(d_x), static_cast<int>(n)}};
    with_operands<V, T>(args, product.pixels, [&](const auto& g, const auto& weight) {
        run_gemm_to(product.plan, product.m, n, product.k, g, weight, put, packs_fit<To>(n, d_x.data),
                    context);
    });
}

/// One class's part of d_x, through the prologue, and of the sums for d_scale and d_shift.
template <class V, class T>
void run_fused(const ConvBackward& args, const ClassProduct& product,
               const PrologueSums<Accumulate<T>>& sums) {
    const int64_t n = args.shape.in_channels;
    const GemmChainRule<T, ClassPixels> chain_rule{
        PrologueOn<Accumulate<T>>(args.prologue),
        static_cast<const T*>(args.x),
        {ValuesWriter<T>(args.d_x), static_cast<int>(n)},
        packs_fit<T>(n, args.d_x.data, args.x, args.prologue.scale, args.prologue.shift),
        sums,
        ClassPixels(product.pixels, args.shape)};
    with_operands<V, T>(args, product.pixels, [&](const auto& g, const auto& weight) {
        run_gemm(product.plan, product.m, n, product.k, g, weight, chain_rule);
    });
}

/// All classes through the prologue. A class without taps adds nothing to d_scale and d_shift. The sums of a single
/// class are finished by its last block, those of several by a launch behind them all.
template <class V, class T>
void run_all_fused(const ConvBackward& args, std::span<const ClassProduct> products, Context& context) {
    using A = Accumulate<T>;
    const int64_t n = args.shape.in_channels;
    const bool wants_sums = args.d_scale || args.d_shift;
    if (products.size() == 1 && products[0].k > 0 && products[0].m * n > 0) {
        const GemmPlan& plan = products[0].plan;
        PrologueSums<A> sums;
        if (wants_sums)
            sums = {plan.row_tiles, plan.column_tiles, 2, n, PutPrologueSums<A>(args, context), context};
        return run_fused<V, T>(args, products[0], sums);
    }
    int64_t tiles = 0;
    for (const ClassProduct& product : products) tiles += product.k > 0 ? product.plan.row_tiles : 0;
    A* const partials = wants_sums ? context.scratch.take<A>(tiles * 2 * n) : nullptr;
    A* next = partials;
    for (const ClassProduct& product : products) {
        if (product.k == 0) {
            if (args.d_x) run_plain<V, T, T>(args, product, args.d_x, context);
            continue;
        }
        run_fused<V, T>(args, product, {next, 2, n});
        if (wants_sums) next += product.plan.row_tiles * 2 * n;
    }
    if (wants_sums) finish_sums(partials, tiles, n, std::array{args.d_scale, args.d_shift});
}

template <class V, class T>
void input_gradients(const ConvBackward& args, GemmTiling tiling, Context& context) {
    const std::vector<ClassProduct> products = products_of(args, tiling);
    const auto run_all_plain = [&]<class To>(const To*, const Gradient& d_x) {
        for (const ClassProduct& product : products) run_plain<V, T, To>(args, product, d_x, context);
    };
    if (args.prologue.plain()) {
        if (args.d_x) run_all_plain(static_cast<T*>(args.d_x.data), args.d_x);
        return;
    }
    if (!args.d_x && !args.d_scale && !args.d_shift) return;
    const auto is_split = [](const ClassProduct& product) { return product.plan.splits > 1; };
    if (std::ranges::none_of(products, is_split)) {
        run_all_fused<V, T>(args, products, context);
        return;
    }
    // Only the sum of all splits can go through the chain rule. There are splits where x is small.
    auto* d_a = context.scratch.take<Accumulate<T>>(args.shape.in_pixels() * args.shape.in_channels);
    run_all_plain(d_a, {d_a, GradMode::write});
    prologue_gradient(args, d_a, context);
}

}  // namespace

void dense_input_gradients(const ConvBackward& args, bool packs, GemmTiling tiling, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        with_loads<T>(packs, tiling, [&]<class V>() { input_gradients<V, T>(args, tiling, context); });
    });
}

}  // namespace vitrine::VITRINE_GPU
