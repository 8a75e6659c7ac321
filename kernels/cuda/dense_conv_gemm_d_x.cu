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

#include "kernels/cuda/channel_sums.h"
#include "kernels/cuda/conv_parts.h"
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
    ClassPixels pixels;
    PutGradient<T> gradient;

    template <class V>
    __device__ __forceinline__ void operator()(int row, int column, V v) const {
        gradient(pixels(row), column, v);
    }
};

/// An epilogue. Without a prologue d_x is the sums; else d_u = d_a · activation'(u), d_x = scale_c · d_u, and
/// for each tile of rows Σ d_u · x and Σ d_u.
template <class T>
struct InputGradient {
    PutPixels<T> put;
    PrologueOn<T> prologue;
    const T* x;  // null: no prologue
    bool packs;
    T* partials;  // [row tiles, 2, n], or null

    template <class Tile>
    __device__ __forceinline__ void operator()(const GemmPlace<T, Tile>& place,
                                               const T (&d_a)[Tile::thread_rows][Tile::thread_columns],
                                               T* shared) const {
        if (x == nullptr) {
            GemmStore<T, PutPixels<T>>{put, packs}(place, d_a, shared);
            return;
        }
        T scale_sums[Tile::thread_columns] = {};
        T shift_sums[Tile::thread_columns] = {};
        for_each_value(place, packs, [&]<class V>(int i, int j, int row, int column, V) {
            const int pixel = put.pixels(row);
            const V input = load_values<V>(x + pixel * place.columns + column);
            V gradient;
            VITRINE_UNROLL
            for (int s = 0; s < V::size; ++s) {
                const T a = prologue(input[s], column + s);
                const T d_u = activation_passes(prologue.activation, a) ? d_a[i][j + s] : T(0);
                scale_sums[j + s] = multiply_add(d_u, input[s], scale_sums[j + s]);
                shift_sums[j + s] += d_u;
                gradient[s] = prologue.scale == nullptr ? d_u : prologue.scale[column + s] * d_u;
            }
            if (put.gradient.gradient) put.gradient(pixel, column, gradient);
        });
        if (partials != nullptr) leave_sums(place, scale_sums, shift_sums, shared);
    }

  private:
    template <class Tile>
    __device__ __forceinline__ void leave_sums(const GemmPlace<T, Tile>& place,
                                               const T (&scale_sums)[Tile::thread_columns],
                                               const T (&shift_sums)[Tile::thread_columns], T* shared) const {
        const T scale_sum = column_total(place, scale_sums, shared);
        __syncthreads();
        const T shift_sum = column_total(place, shift_sums, shared);
        const int me = static_cast<int>(threadIdx.x);
        const int column = place.first_column + me;
        if (me >= Tile::columns || column >= place.columns) return;
        T* to = partials + int64_t{place.row_tile} * 2 * place.columns + column;
        to[0] = scale_sum;
        to[place.columns] = shift_sum;
    }
};

/// A class, its product's shape and plan.
struct ClassProduct {
    PixelClass pixels;
    int64_t m;
    int64_t k;
    GemmPlan plan;
};

std::vector<ClassProduct> products_of(const ConvBackward& args) {
    std::vector<ClassProduct> products;
    for (const PixelClass& pixels : classes_of(args.shape)) {
        const int64_t m = args.shape.batch * pixels.pixels_of_image();
        const int64_t k = pixels.taps() * args.shape.out_channels;
        products.push_back({pixels, m, k, plan_gemm(args.dtype, m, args.shape.in_channels, k)});
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

/// One class's product: to `d_x`, through the prologue if `through`. partials: see InputGradient.
template <class V, class T>
void run_class(const ConvBackward& args, const ClassProduct& product, const Gradient& d_x, bool through,
               T* partials, Context& context) {
    const ConvShape& shape = args.shape;
    const int64_t n = shape.in_channels;
    const LinesOfWindows<UpstreamSource<V, T>> g{UpstreamSource<V, T>(args),
                                                 class_windows(product.pixels, shape)};
    const PutPixels<T> put{ClassPixels(product.pixels, shape), {ValuesWriter<T>(d_x), static_cast<int>(n)}};
    const T* x = through ? static_cast<const T*>(args.x) : nullptr;
    const bool packs = packs_fit<T>(n, d_x.data, x);
    const InputGradient<T> whole{put, PrologueOn<T>(args.prologue), x, packs, partials};
    run_whole_or_split(product.plan, product.m, n, product.k, g, class_weight<V, T>(args, product.pixels),
                       whole, put, packs, context);
}

/// All classes to d_x without the prologue's part.
template <class V, class T>
void run_plain(const ConvBackward& args, std::span<const ClassProduct> products, const Gradient& d_x,
               Context& context) {
    for (const ClassProduct& product : products) {
        if (product.k == 0 && d_x.mode == GradMode::accumulate) continue;
        run_class<V, T>(args, product, d_x, false, nullptr, context);
    }
}

/// The prologue's chain rule in the products' epilogues.
template <class V, class T>
void run_fused(const ConvBackward& args, std::span<const ClassProduct> products, Context& context) {
    const int64_t n = args.shape.in_channels;
    const bool sums = args.d_scale || args.d_shift;
    int64_t tiles = 0;
    for (const ClassProduct& product : products) {
        if (product.k > 0) tiles += product.plan.row_tiles;
    }
    T* const partials = sums ? context.scratch.take<T>(tiles * 2 * n) : nullptr;
    T* next = partials;
    for (const ClassProduct& product : products) {
        if (product.k == 0) {
            if (args.d_x && args.d_x.mode == GradMode::write)
                run_class<V, T>(args, product, args.d_x, false, nullptr, context);
            continue;
        }
        run_class<V, T>(args, product, args.d_x, true, next, context);
        if (sums) next += product.plan.row_tiles * 2 * n;
    }
    if (!sums) return;
    const Gradient gradients[]{args.d_scale, args.d_shift};
    finish_sums<T>(partials, tiles, n, gradients);
}

}  // namespace

template <class V, class T>
void dense_input_gradients(const ConvBackward& args, Context& context) {
    const std::vector<ClassProduct> products = products_of(args);
    if (args.prologue.plain()) {
        if (args.d_x) run_plain<V, T>(args, products, args.d_x, context);
        return;
    }
    const bool split =
        std::ranges::any_of(products, [](const ClassProduct& product) { return product.plan.splits > 1; });
    if (!split) {
        run_fused<V, T>(args, products, context);
        return;
    }
    // Only the sum of all splits can go through the chain rule: in a pass of its own. Splits mean that x is
    // small.
    T* d_a = context.scratch.take<T>(args.shape.in_pixels() * args.shape.in_channels);
    run_plain<V, T>(args, products, {d_a, GradMode::write}, context);
    prologue_gradient(args, d_a, context);
}

template void dense_input_gradients<Pack<float>, float>(const ConvBackward&, Context&);
template void dense_input_gradients<Single<float>, float>(const ConvBackward&, Context&);
template void dense_input_gradients<Pack<double>, double>(const ConvBackward&, Context&);
template void dense_input_gradients<Single<double>, double>(const ConvBackward&, Context&);

}  // namespace vitrine::VITRINE_GPU
