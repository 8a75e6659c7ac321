// The transforms of Winograd's tiles, vectorised along the channels: see winograd_conv.h for the letters.

#include <hwy/highway.h>

#include <cstdint>

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/winograd_tiles.h"

#if defined(VITRINE_KERNELS_CPU_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_WINOGRAD_INL_H_
#undef VITRINE_KERNELS_CPU_WINOGRAD_INL_H_
#else
#define VITRINE_KERNELS_CPU_WINOGRAD_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

/// A tile's image and its first pixel there.
struct TilePosition {
    int64_t image, row, column;

    TilePosition(const TileGrid& grid, int64_t tile)
        : image(tile / (grid.rows() * grid.columns())),
          row(tile / grid.columns() % grid.rows() * 2),
          column(tile % grid.columns() * 2) {}
};

/// Pixels of a patch `side` wide, null where they lie outside of the image.
template <int side, class T>
struct Patch {
    Patch(const T* pixels, Size2 size, int64_t channels, int64_t image, int64_t row, int64_t column) {
        for (int i = 0; i < side; ++i) {
            for (int j = 0; j < side; ++j) {
                const int64_t h = row + i, w = column + j;
                const bool inside = h >= 0 && h < size.height && w >= 0 && w < size.width;
                at[i][j] =
                    inside ? pixels + ((image * size.height + h) * size.width + w) * channels : nullptr;
            }
        }
    }

    const T* at[side][side];
};

/// Bᵀ applied to four vectors.
template <class V>
HWY_INLINE void transform_four(const V& x0, const V& x1, const V& x2, const V& x3, V* out, int step) {
    out[0] = hn::Sub(x0, x2);
    out[step] = hn::Add(x1, x2);
    out[2 * step] = hn::Sub(x2, x1);
    out[3 * step] = hn::Sub(x1, x3);
}

/// V of one tile at a vector of channels.
template <class Part, class T>
HWY_INLINE HWY_ATTR void transform_patch(const Part& part, const PatchSource<T>& source,
                                         const Patch<4, T>& patch, int64_t c, const Places<T>& out,
                                         int64_t tile) {
    Vector<T> x[16], columns[16], places[16];
    for (int i = 0; i < 16; ++i) {
        const T* pixel = patch.at[i / 4][i % 4];
        if (pixel == nullptr) {
            x[i] = constant<T>(0);
            continue;
        }
        auto u = part.load(pixel + c);
        if (source.scale != nullptr)
            u = hn::MulAdd(part.load(source.scale + c), u, part.load(source.shift + c));
        x[i] = clamped_vector(source.activation, u);
    }
    for (int j = 0; j < 4; ++j) transform_four(x[j], x[4 + j], x[8 + j], x[12 + j], columns + j, 4);
    for (int i = 0; i < 4; ++i) {
        const Vector<T>* row = columns + 4 * i;
        transform_four(row[0], row[1], row[2], row[3], places + 4 * i, 1);
    }
    for (int p = 0; p < 16; ++p) part.store(places[p], out.place(p) + tile * out.stride + c);
}

/// V of tiles [first, first + count); channels past the source's become zero.
template <class T>
void transform_patches(const PatchSource<T>& source, const TileGrid& grid, int64_t first, int64_t count,
                       const Places<T>& out) {
    for (int64_t tile = 0; tile < count; ++tile) {
        const TilePosition at(grid, first + tile);
        const Patch<4, T> patch(source.pixels, source.size, source.channels, at.image,
                                at.row - source.padding.height, at.column - source.padding.width);
        for_each_vector<T>(source.channels, [&](auto part, int64_t c) HWY_ATTR {
            transform_patch(part, source, patch, c, out, tile);
        });
        for (int p = 0; p < winograd_places; ++p) {
            T* row = out.place(p) + tile * out.stride;
            for (int64_t c = source.channels; c < out.stride; ++c) row[c] = T(0);
        }
    }
}

/// dM = A g Aᵀ of tiles [first, first + count) of g [images, grid.size, channels].
template <class T>
void transform_gradients(const T* g, int64_t channels, const TileGrid& grid, int64_t first, int64_t count,
                         const Places<T>& out) {
    for (int64_t tile = 0; tile < count; ++tile) {
        const TilePosition at(grid, first + tile);
        const Patch<2, T> patch(g, grid.size, channels, at.image, at.row, at.column);
        for_each_vector<T>(channels, [&](auto part, int64_t c) HWY_ATTR {
            Vector<T> rows[4][2];
            for (int j = 0; j < 2; ++j) {
                const auto value = [&](int i) HWY_ATTR {
                    return patch.at[i][j] == nullptr ? constant<T>(0) : part.load(patch.at[i][j] + c);
                };
                const auto upper = value(0), lower = value(1);
                rows[0][j] = upper;
                rows[1][j] = hn::Add(upper, lower);
                rows[2][j] = hn::Sub(upper, lower);
                rows[3][j] = hn::Neg(lower);
            }
            T* to = out.data + tile * out.stride + c;
            const int64_t place = out.tiles * out.stride;
            for (int i = 0; i < 4; ++i, to += 4 * place) {
                part.store(rows[i][0], to);
                part.store(hn::Add(rows[i][0], rows[i][1]), to + place);
                part.store(hn::Sub(rows[i][0], rows[i][1]), to + 2 * place);
                part.store(hn::Neg(rows[i][1]), to + 3 * place);
            }
        });
    }
}

/// The 2×2 outputs of one tile: Aᵀ M A, plus the bias, at a vector of channels.
template <class Part, class T>
HWY_INLINE HWY_ATTR void transform_products(const Part& part, const Places<T>& m, int64_t tile, const T* bias,
                                            int64_t c, Vector<T> (&out)[2][2]) {
    Vector<T> rows[2][4];
    for (int j = 0; j < 4; ++j) {
        const auto place = [&](int i)
                               HWY_ATTR { return part.load(m.place(4 * i + j) + tile * m.stride + c); };
        const auto m1 = place(1), m2 = place(2);
        rows[0][j] = hn::Add(place(0), hn::Add(m1, m2));
        rows[1][j] = hn::Sub(hn::Sub(m1, m2), place(3));
    }
    const auto offset = bias == nullptr ? constant<T>(0) : part.load(bias + c);
    for (int i = 0; i < 2; ++i) {
        out[i][0] = hn::Add(offset, hn::Add(rows[i][0], hn::Add(rows[i][1], rows[i][2])));
        out[i][1] = hn::Add(offset, hn::Sub(hn::Sub(rows[i][1], rows[i][2]), rows[i][3]));
    }
}

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
