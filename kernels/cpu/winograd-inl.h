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

namespace hn = hwy::HWY_NAMESPACE;

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

/// V of one tile at the channels of d from c on.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void transform_patch(D d, const PatchSource<T>& source, const Patch<4, T>& patch, int64_t c,
                                const Places<T>& out, int64_t tile) {
    using V = hn::Vec<D>;
    V x[16], columns[16], places[16];
    for (int i = 0; i < 16; ++i) {
        const T* pixel = patch.at[i / 4][i % 4];
        if (pixel == nullptr) {
            x[i] = hn::Zero(d);
            continue;
        }
        const V u = affine_vector(d, source.scale, source.shift, c, hn::LoadU(d, pixel + c));
        x[i] = clamped_vector(d, source.activation, u);
    }
    for (int j = 0; j < 4; ++j) transform_four(x[j], x[4 + j], x[8 + j], x[12 + j], columns + j, 4);
    for (int i = 0; i < 4; ++i) {
        const V* row = columns + 4 * i;
        transform_four(row[0], row[1], row[2], row[3], places + 4 * i, 1);
    }
    for (int p = 0; p < 16; ++p) hn::StoreU(places[p], d, out.place(p) + tile * out.stride + c);
}

/// V of tiles [first, first + count); channels past the source's become zero.
template <class T>
void transform_patches(const PatchSource<T>& source, const TileGrid& grid, int64_t first, int64_t count,
                       const Places<T>& out) {
    const hn::ScalableTag<T> full;
    for (int64_t tile = 0; tile < count; ++tile) {
        const TilePosition at(grid, first + tile);
        const Patch<4, T> patch(source.pixels, source.size, source.channels, at.image,
                                at.row - source.padding.height, at.column - source.padding.width);
        for_each_vector(full, 0, source.channels,
                        [&](auto d, int64_t c) HWY_ATTR { transform_patch(d, source, patch, c, out, tile); });
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
    const hn::ScalableTag<T> full;
    for (int64_t tile = 0; tile < count; ++tile) {
        const TilePosition at(grid, first + tile);
        const Patch<2, T> patch(g, grid.size, channels, at.image, at.row, at.column);
        for_each_vector(full, 0, channels, [&](auto d, int64_t c) HWY_ATTR {
            using V = hn::Vec<decltype(d)>;
            V rows[4][2];
            for (int j = 0; j < 2; ++j) {
                const auto value = [&](int i) HWY_ATTR {
                    return patch.at[i][j] == nullptr ? hn::Zero(d) : hn::LoadU(d, patch.at[i][j] + c);
                };
                const V upper = value(0), lower = value(1);
                rows[0][j] = upper;
                rows[1][j] = hn::Add(upper, lower);
                rows[2][j] = hn::Sub(upper, lower);
                rows[3][j] = hn::Neg(lower);
            }
            T* to = out.data + tile * out.stride + c;
            const int64_t place = out.tiles * out.stride;
            for (int i = 0; i < 4; ++i, to += 4 * place) {
                hn::StoreU(rows[i][0], d, to);
                hn::StoreU(hn::Add(rows[i][0], rows[i][1]), d, to + place);
                hn::StoreU(hn::Sub(rows[i][0], rows[i][1]), d, to + 2 * place);
                hn::StoreU(hn::Neg(rows[i][1]), d, to + 3 * place);
            }
        });
    }
}

/// The 2×2 outputs of one tile: Aᵀ M A, plus the bias, at the channels of d from c on.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void transform_products(D d, const Places<T>& m, int64_t tile, const T* bias, int64_t c,
                                   hn::Vec<D> (&out)[2][2]) {
    using V = hn::Vec<D>;
    V rows[2][4];
    for (int j = 0; j < 4; ++j) {
        const auto place = [&](int i)
                               HWY_ATTR { return hn::LoadU(d, m.place(4 * i + j) + tile * m.stride + c); };
        const V m1 = place(1), m2 = place(2);
        rows[0][j] = hn::Add(place(0), hn::Add(m1, m2));
        rows[1][j] = hn::Sub(hn::Sub(m1, m2), place(3));
    }
    const V offset = bias == nullptr ? hn::Zero(d) : hn::LoadU(d, bias + c);
    for (int i = 0; i < 2; ++i) {
        out[i][0] = hn::Add(offset, hn::Add(rows[i][0], hn::Add(rows[i][1], rows[i][2])));
        out[i][1] = hn::Add(offset, hn::Sub(hn::Sub(rows[i][1], rows[i][2]), rows[i][3]));
    }
}

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
