// How S, the scatter of an expansion's input, is cut into cells for the warps that sum it up
// (expansion_moments_tiled_forward.cu), and how it is put together again.
//
// A cell is a square of 8 × 8 channels (4 × 4 in f64). S is symmetric, so there are as many as lie above its diagonal, and of those
// on the diagonal the lower triangle is enough, with the sums of its channels:
//
//             channels                        S of 24 channels has the cells
//             0…  8…  16…
//           ┌───┬───┬───┐
//        0… │ 3 │ 0 │ 1 │                     0, 1, 2    squares, 64 products a pixel
//           ├───┼───┼───┤                     3, 4, 5    triangles, 36 products and 8 sums
//        8… │   │ 4 │ 2 │
//           ├───┼───┼───┤
//       16… │   │   │ 5 │
//           └───┴───┴───┘
//
// Several warps have the same cell, each a part of the pixels: of a square about twice as many as of a triangle, and so all take about
// as long as one another. They are numbered cell by cell. More than 16 of them are shared out among slices, which are blocks
// of their own.
#pragma once

#include <algorithm>

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// The extents of a cell in numbers of A.
template <class A>
struct MomentCell {
    static constexpr int size = Pack<A>::size;
    static constexpr int edge = 2 * size;
    static constexpr int numbers = edge * edge;
    static constexpr int triangle = edge * (edge + 1) / 2;  // then the sums of the channels

    /// Of a triangle, whose column is not the larger one.
    static __host__ __device__ constexpr int in_triangle(int row, int column) {
        return row * (row + 1) / 2 + column;
    }
};

/// The cells, and which warps have them.
struct MomentCells {
    int across;  // cells of a row of S
    int squares;
    int square_warps;    // of each square
    int triangle_warps;  // of each triangle
    int warps;           // of a block
    int slices;

    MomentCells(int narrow, int edge) : across(divide_up(narrow, edge)), squares(across * (across - 1) / 2) {
        constexpr int few[][2]{{1, 8}, {4, 2}, {3, 2}};
        constexpr int most_warps = 16;
        square_warps = across <= 3 ? few[across - 1][0] : 2;
        triangle_warps = across <= 3 ? few[across - 1][1] : 1;
        warps = std::min(most_warps, all_warps());
        slices = divide_up(all_warps(), warps);
    }

    __host__ __device__ __forceinline__ int all_warps() const {
        return squares * square_warps + across * triangle_warps;
    }
    __host__ __device__ __forceinline__ int count() const { return squares + across; }

    __device__ __forceinline__ int warps_of(int cell) const {
        return cell < squares ? square_warps : triangle_warps;
    }
    /// The warp, of all slices, that has the first part of a cell.
    __device__ __forceinline__ int first_warp(int cell) const {
        return cell < squares ? cell * square_warps
                              : squares * square_warps + (cell - squares) * triangle_warps;
    }
    __device__ __forceinline__ int cell_of(int warp) const {
        const int of_squares = squares * square_warps;
        return warp < of_squares ? warp / square_warps : squares + (warp - of_squares) / triangle_warps;
    }
    /// The cell of a row and a column that is not the smaller one, both counted in cells.
    __device__ __forceinline__ int cell_at(int row, int column) const {
        return row == column ? squares + row : row * (2 * across - row - 1) / 2 + column - row - 1;
    }
};

/// S and μ out of the cells' sums of a − c and its products, over all pixels.
template <class A>
struct ScatterOfSums {
    using Cell = MomentCell<A>;

    MomentCells cells;
    const double* totals;  // [cells, numbers]
    const A* centre;       // c
    double per_pixel;      // 1 / M

    /// Σ (a_j − c_j)
    __device__ __forceinline__ double sum(int j) const {
        const int row = j / Cell::edge;
        return number(row, row, Cell::triangle + j % Cell::edge);
    }
    __device__ __forceinline__ double mean(int j) const {
        return static_cast<double>(centre[j]) + sum(j) * per_pixel;
    }
    /// S_jk, of which j is not the larger one.
    __device__ __forceinline__ double scatter(int j, int k) const {
        const int row = j / Cell::edge, column = k / Cell::edge;
        const int inner_row = j % Cell::edge, inner_column = k % Cell::edge;
        const int place = row == column ? Cell::in_triangle(inner_column, inner_row)
                                        : inner_row * Cell::edge + inner_column;
        return number(row, column, place) - sum(j) * sum(k) * per_pixel;
    }

  private:
    __device__ __forceinline__ double number(int row, int column, int place) const {
        return totals[cells.cell_at(row, column) * Cell::numbers + place];
    }
};

}  // namespace vitrine::VITRINE_GPU
