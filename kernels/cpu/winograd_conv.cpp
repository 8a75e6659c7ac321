// Dense 3×3 convolution of stride 1 by Winograd's F(2×2, 3×3): chunks of tiles, all of whose matrices stay in the cache.

#include "kernels/cpu/winograd_conv.h"

#include <vector>

#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/conv_parts.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/cpu/winograd_tiles.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/winograd_conv.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"
#include "kernels/cpu/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// M = V · U at each place.
template <class T>
void multiply_places(const WinogradProduct<T>& product, const Places<T>& v, const Places<T>& m,
                     int64_t count) {
    const PanelLayout& layout = product.layout;
    const int64_t depth = product.source.channels;
    with_vectors_of<T>(layout, [&](auto d) HWY_ATTR {
        for (int p = 0; p < winograd_places; ++p) {
            const T* weights = product.weights + p * product.weights_of_place();
            for (int64_t panel = 0; panel < layout.count(); ++panel) {
                const int64_t column = layout.first_column(panel), width = layout.width(panel);
                const RegisterTile<T> tile{depth,
                                           v.place(p),
                                           v.stride,
                                           1,
                                           weights + depth * column,
                                           width,
                                           nullptr,
                                           m.place(p) + column,
                                           m.stride,
                                           Store::write,
                                           {{v.data, 0}, {v.data, 0}}};
                multiply_panel_of<LeftOrder::rows>(d, width / layout.lanes, tile, count);
            }
        }
    });
}

/// The outputs of a chunk's tiles one after the other in `pixels`, and where each belongs in the images.
template <class T>
int64_t collect_outputs(const WinogradProduct<T>& product, const Places<T>& m, int64_t first, int64_t count,
                        T* pixels, std::vector<int64_t>& places) {
    const TileGrid& grid = product.grid;
    const int64_t stride = product.layout.padded(), channels = product.sink.channels;
    places.clear();
    for (int64_t tile = 0; tile < count; ++tile) {
        const TilePosition at(grid, first + tile);
        T* to[2][2] = {};
        for (int i = 0; i < 2; ++i) {
            for (int j = 0; j < 2; ++j) {
                if (at.row + i >= grid.size.height || at.column + j >= grid.size.width) continue;
                to[i][j] = pixels + static_cast<int64_t>(places.size()) * stride;
                places.push_back((at.image * grid.size.height + at.row + i) * grid.size.width + at.column +
                                 j);
            }
        }
        for_each_vector<T>(channels, [&](auto part, int64_t c) HWY_ATTR {
            Vector<T> out[2][2];
            transform_products(part, m, tile, product.sink.bias, c, out);
            for (int k = 0; k < 4; ++k) {
                if (to[k / 2][k % 2] != nullptr) part.store(out[k / 2][k % 2], to[k / 2][k % 2] + c);
            }
        });
    }
    return static_cast<int64_t>(places.size());
}

template <class T>
void put_outputs(const WinogradProduct<T>& product, int64_t chunk, const T* pixels,
                 const std::vector<int64_t>& places) {
    const TileSink<T>& sink = product.sink;
    const int64_t channels = sink.channels;
    const auto sums_of = [&](T* sums) { return sums == nullptr ? nullptr : sums + chunk * channels; };
    for (T* sums : {sums_of(sink.scale_sums), sums_of(sink.shift_sums)}) {
        if (sums != nullptr) zero_row(channels, sums);
    }
    for (const int64_t place : places) {
        T* to = sink.pixels == nullptr ? nullptr : sink.pixels + place * channels;
        if (sink.x != nullptr) {
            prologue_gradient_rows<T, T>(
                {sink.x + place * channels}, {pixels}, 1, channels, sink.scale, sink.shift, sink.activation,
                {{to}, sink.accumulate, sums_of(sink.scale_sums), sums_of(sink.shift_sums)});
        } else if (sink.accumulate) {
            add_row(pixels, channels, to);
        } else {
            copy_row(pixels, channels, to);
        }
        pixels += product.layout.padded();
    }
}

template <class T>
void product_chunk(const WinogradProduct<T>& product, int64_t chunk, T* workspace) {
    const int64_t first = product.chunks.begin(chunk), count = product.chunks.end(chunk) - first;
    const Places<T> v{workspace, product.chunks.size, product.source.channels};
    const Places<T> m{v.data + Places<T>::size(v.tiles, v.stride), product.chunks.size,
                      product.layout.padded()};
    T* pixels = m.data + Places<T>::size(m.tiles, m.stride);
    transform_patches(product.source, product.grid, first, count, v);
    multiply_places(product, v, m, count);
    std::vector<int64_t> places;
    places.reserve(static_cast<size_t>(4 * count));
    const int64_t rows = collect_outputs(product, m, first, count, pixels, places);
    const TileSink<T>& sink = product.sink;
    if (sink.means != nullptr) {
        sink.counts[chunk] = rows;
        column_statistics(pixels, rows, sink.channels, product.layout.padded(),
                          sink.means + chunk * sink.channels, sink.m2s + chunk * sink.channels);
    }
    put_outputs(product, chunk, pixels, places);
}

/// dU of a part of the chunks.
template <class T>
void weight_gradient_part(const WinogradWeightGradient<T>& task, int64_t part, T* workspace) {
    const int64_t padded = task.layout.padded(), out = task.out_channels;
    const Places<T> v{workspace, task.chunks.size, padded};
    const Places<T> d_m{v.data + Places<T>::size(v.tiles, v.stride), task.chunks.size, out};
    T* sums = task.sums + part * task.sums_of_part();
    for (int64_t chunk = task.parts.begin(part); chunk < task.parts.end(part); ++chunk) {
        const int64_t first = task.chunks.begin(chunk), count = task.chunks.end(chunk) - first;
        transform_patches(task.source, task.grid, first, count, v);
        transform_gradients(task.g, out, task.grid, first, count, d_m);
        const Store store = chunk == task.parts.begin(part) ? Store::write : Store::add;
        with_vectors_of<T>(task.layout, [&](auto d) HWY_ATTR {
            for (int p = 0; p < winograd_places; ++p) {
                for (int64_t panel = 0; panel < task.layout.count(); ++panel) {
                    const int64_t column = task.layout.first_column(panel);
                    const RegisterTile<T> tile{count,
                                               d_m.place(p),
                                               1,
                                               out,
                                               v.place(p) + column,
                                               padded,
                                               nullptr,
                                               sums + p * out * padded + column,
                                               padded,
                                               store,
                                               {{v.data, 0}, {v.data, 0}}};
                    multiply_panel_of<LeftOrder::columns>(d, task.layout.width(panel) / task.layout.lanes,
                                                          tile, out);
                }
            }
        });
    }
}

#define VITRINE_FOR_BOTH(name, Task)                                                          \
    void name##_f32(const Task<float>& task, int64_t i, float* work) { name(task, i, work); } \
    void name##_f64(const Task<double>& task, int64_t i, double* work) { name(task, i, work); }
VITRINE_FOR_BOTH(product_chunk, WinogradProduct)
VITRINE_FOR_BOTH(weight_gradient_part, WinogradWeightGradient)
#undef VITRINE_FOR_BOTH

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

#define VITRINE_FOR_BOTH(name, Task)                               \
    HWY_EXPORT(name##_f32);                                        \
    HWY_EXPORT(name##_f64);                                        \
    void name(const Task<float>& task, int64_t i, float* work) {   \
        HWY_DYNAMIC_DISPATCH(name##_f32)(task, i, work);           \
    }                                                              \
    void name(const Task<double>& task, int64_t i, double* work) { \
        HWY_DYNAMIC_DISPATCH(name##_f64)(task, i, work);           \
    }
VITRINE_FOR_BOTH(product_chunk, WinogradProduct)
VITRINE_FOR_BOTH(weight_gradient_part, WinogradWeightGradient)
#undef VITRINE_FOR_BOTH

/// Tiles whose V and M together are 512 KiB of f32. Of the channels as they are, not of whole vectors: the vectors' width must not
/// show in the order of sums.
Chunks tile_chunks(const TileGrid& grid, int64_t in, int64_t out) {
    constexpr int64_t elements = 131072;
    return {grid.count(), std::clamp<int64_t>(elements / (winograd_places * (in + out)) / 8 * 8, 8, 64)};
}

/// U as 16 packed matrices [depth, columns]; weight(n, k, p, q) is the tap (p, q) from channel k to channel n.
template <class T, class Weight>
const T* transform_weights(const PanelLayout& layout, int64_t depth, Context& context, const Weight& weight) {
    T* u = context.scratch.take<T>(winograd_places * depth * layout.padded());
    const Chunks rows{depth, 8};
    parallel_for(rows.count(), [&](int64_t chunk) {
        for (int64_t k = rows.begin(chunk); k < rows.end(chunk); ++k) {
            for (int64_t panel = 0; panel < layout.count(); ++panel) {
                const int64_t first = layout.first_column(panel), width = layout.width(panel);
                for (int64_t n = first; n < first + width; ++n) {
                    T rows_of_g[4][3] = {}, places[4][4] = {};
                    for (int q = 0; q < 3 && n < layout.columns; ++q) {
                        const T g0 = weight(n, k, 0, q), g1 = weight(n, k, 1, q), g2 = weight(n, k, 2, q);
                        rows_of_g[0][q] = g0;
                        rows_of_g[1][q] = (g0 + g1 + g2) / 2;
                        rows_of_g[2][q] = (g0 - g1 + g2) / 2;
                        rows_of_g[3][q] = g2;
                    }
                    for (int i = 0; i < 4; ++i) {
                        const T g0 = rows_of_g[i][0], g1 = rows_of_g[i][1], g2 = rows_of_g[i][2];
                        places[i][0] = g0;
                        places[i][1] = (g0 + g1 + g2) / 2;
                        places[i][2] = (g0 - g1 + g2) / 2;
                        places[i][3] = g2;
                    }
                    for (int p = 0; p < winograd_places; ++p) {
                        u[p * depth * layout.padded() + depth * first + k * width + n - first] =
                            places[p / 4][p % 4];
                    }
                }
            }
        }
    });
    return u;
}

template <class T>
PatchSource<T> input_patches(const ConvShape& shape, const void* x, const Prologue& prologue) {
    return {static_cast<const T*>(x),
            shape.in,
            shape.in_channels,
            shape.padding,
            static_cast<const T*>(prologue.scale),
            static_cast<const T*>(prologue.shift),
            prologue.activation};
}

template <class T>
void run_product(const WinogradProduct<T>& product, Context& context) {
    const PerThread<T> workspace(context, product.workspace_size());
    parallel_for(product.chunks.count(),
                 [&](int64_t chunk) { product_chunk(product, chunk, workspace.mine()); });
}

template <class T>
void forward(const ConvForward& args, Context& context) {
    const ConvShape& shape = args.shape;
    const int64_t in = shape.in_channels, out = shape.out_channels;
    const T* weight = static_cast<const T*>(args.weight);
    const PanelLayout layout = panel_layout(dtype_of<T>, out);
    const TileGrid grid{shape.batch, shape.out()};
    const Chunks chunks = tile_chunks(grid, in, out);
    TileSink<T> sink{
        .pixels = static_cast<T*>(args.y), .channels = out, .bias = static_cast<const T*>(args.bias)};
    if (!args.epilogue.plain()) {
        sink.means = context.scratch.take<T>(chunks.count() * out);
        sink.m2s = context.scratch.take<T>(chunks.count() * out);
        sink.counts = context.scratch.take<int64_t>(chunks.count());
    }
    const T* u = transform_weights<T>(layout, in, context, [=](int64_t n, int64_t k, int p, int q) {
        return weight[((n * 3 + p) * 3 + q) * in + k];
    });
    run_product(
        WinogradProduct<T>{input_patches<T>(shape, args.x, args.prologue), grid, chunks, layout, u, sink},
        context);
    if (args.epilogue.plain()) return;
    combine_statistics(
        sink.means, sink.m2s, chunks.count(), [&](int64_t chunk) { return sink.counts[chunk]; }, out, out,
        static_cast<T*>(args.epilogue.mean), static_cast<T*>(args.epilogue.m2));
}

/// The convolution of g with the weights turned round; a pixel of x is reached from up to 2 − padding before it.
template <class T>
void input_gradient(const ConvBackward& args, const T* g, Context& context) {
    const ConvShape& shape = args.shape;
    const int64_t in = shape.in_channels, out = shape.out_channels;
    const T* weight = static_cast<const T*>(args.weight);
    const PanelLayout layout = panel_layout(dtype_of<T>, in);
    const TileGrid grid{shape.batch, shape.in};
    const Chunks chunks = tile_chunks(grid, out, in);
    TileSink<T> sink{.pixels = static_cast<T*>(args.d_x.data),
                     .accumulate = args.d_x.mode == GradMode::accumulate,
                     .channels = in};
    if (!args.prologue.plain()) {
        sink.x = static_cast<const T*>(args.x);
        sink.scale = static_cast<const T*>(args.prologue.scale);
        sink.shift = static_cast<const T*>(args.prologue.shift);
        sink.activation = args.prologue.activation;
    }
    if (args.d_scale) sink.scale_sums = context.scratch.take<T>(chunks.count() * in);
    if (args.d_shift) sink.shift_sums = context.scratch.take<T>(chunks.count() * in);
    const T* u = transform_weights<T>(layout, out, context, [=](int64_t n, int64_t k, int p, int q) {
        return weight[((k * 3 + 2 - p) * 3 + 2 - q) * in + n];
    });
    const PatchSource<T> source{g, shape.out(), out, {2 - shape.padding.height, 2 - shape.padding.width}};
    run_product(WinogradProduct<T>{source, grid, chunks, layout, u, sink}, context);
    if (args.d_scale) combine_sums(sink.scale_sums, chunks.count(), in, in, args.d_scale);
    if (args.d_shift) combine_sums(sink.shift_sums, chunks.count(), in, in, args.d_shift);
}

/// d_weight = Gᵀ dU G of one pair of channels; `sums` are the 16 places of dU, `step` apart.
template <class T>
void put_weight(const T* sums, int64_t step, int64_t channels, const GradientWriter<T>& d_weight,
                int64_t at) {
    T rows[3][4];
    for (int j = 0; j < 4; ++j) {
        const T u0 = sums[j * step], u1 = sums[(4 + j) * step], u2 = sums[(8 + j) * step],
                u3 = sums[(12 + j) * step];
        rows[0][j] = u0 + (u1 + u2) / 2;
        rows[1][j] = (u1 - u2) / 2;
        rows[2][j] = (u1 + u2) / 2 + u3;
    }
    for (int i = 0; i < 3; ++i) {
        const T* u = rows[i];
        d_weight(at + (3 * i) * channels, u[0] + (u[1] + u[2]) / 2);
        d_weight(at + (3 * i + 1) * channels, (u[1] - u[2]) / 2);
        d_weight(at + (3 * i + 2) * channels, (u[1] + u[2]) / 2 + u[3]);
    }
}

template <class T>
void weight_gradient(const ConvBackward& args, const T* g, Context& context) {
    constexpr int64_t affordable = int64_t{4} << 20;  // elements of all parts together
    const ConvShape& shape = args.shape;
    const int64_t in = shape.in_channels, out = shape.out_channels;
    const PanelLayout layout = panel_layout(dtype_of<T>, in);
    const TileGrid grid{shape.batch, shape.out()};
    WinogradWeightGradient<T> task{input_patches<T>(shape, args.x, args.prologue),
                                   g,
                                   out,
                                   grid,
                                   tile_chunks(grid, in, out),
                                   {},
                                   layout,
                                   nullptr};
    const int64_t most = std::clamp<int64_t>(affordable / (winograd_places * out * in), 1, 32);
    task.parts = Chunks::of(task.chunks.count(), 1, most);
    task.sums = context.scratch.take<T>(task.parts.count() * task.sums_of_part());
    const PerThread<T> workspace(context, task.workspace_size());
    parallel_for(task.parts.count(),
                 [&](int64_t part) { weight_gradient_part(task, part, workspace.mine()); });

    const GradientWriter<T> d_weight(args.d_weight);
    const int64_t padded = layout.padded(), place = out * padded;
    parallel_for(out, [&](int64_t o) {
        for (int64_t part = 1; part < task.parts.count(); ++part) {
            for (int p = 0; p < winograd_places; ++p) {
                T* total = task.sums + p * place + o * padded;
                const T* more = total + part * task.sums_of_part();
                for (int64_t k = 0; k < in; ++k) total[k] += more[k];
            }
        }
        for (int64_t k = 0; k < in; ++k)
            put_weight(task.sums + o * padded + k, place, in, d_weight, o * 9 * in + k);
    });
}

template <class T>
void backward(const ConvBackward& args, Context& context) {
    const T* g = static_cast<const T*>(gradient_through_epilogue(args, context));
    if (args.d_bias) bias_gradient(args, g, context);
    if (args.d_weight) weight_gradient(args, g, context);
    if (args.d_x || args.d_scale || args.d_shift) input_gradient(args, g, context);
}

const char* refuses(const ConvShape& shape) {
    if (shape.kernel != Size2{3, 3}) return "kernel other than 3x3";
    if (shape.stride != Size2{1, 1}) return "stride other than 1";
    if (shape.groups != 1) return "groups";
    if (shape.padding.height > 2 || shape.padding.width > 2) return "padding of more than 2";
    if (shape.in_channels < 16 || shape.out_channels < 16) return "fewer than 16 channels";
    if (shape.in_channels * shape.out_channels > 128 * 128) return "more weights than stay in the cache";
    return nullptr;
}

}  // namespace

const char* refuses_winograd_forward(const ConvForward& args) { return refuses(args.shape); }
const char* refuses_winograd_backward(const ConvBackward& args) { return refuses(args.shape); }

void run_winograd_forward(const ConvForward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { forward<T>(args, context); });
}

void run_winograd_backward(const ConvBackward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { backward<T>(args, context); });
}

}  // namespace vitrine::cpu
#endif
