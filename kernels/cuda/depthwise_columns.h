// What of a tensor a thread of a walk reads or writes: in which neighbouring columns, in which rows, and where they lie.
#pragma once

#include "kernels/cuda/depthwise_lanes.h"

namespace vitrine::VITRINE_GPU {

/// The rows from `low` on that are a thread's, in each of its columns: none in those outside of the image. One comparison
/// tells whether a row and a column are inside.
template <int columns>
struct ColumnRows {
    int low;
    unsigned count[static_cast<size_t>(columns)];

    /// Rows [low_, high); first_column: may be outside of an image of `width` columns.
    __device__ __forceinline__ ColumnRows(int low_, int high, int first_column, int width) : low(low_) {
        VITRINE_UNROLL
        for (int e = 0; e < columns; ++e) {
            const bool inside = first_column + e >= 0 && first_column + e < width;
            count[e] = inside ? static_cast<unsigned>(max(high - low, 0)) : 0;
        }
    }

    __device__ __forceinline__ bool inside(int row, int e) const {
        return static_cast<unsigned>(row - low) < count[e];
    }
    __device__ __forceinline__ bool any() const {
        unsigned bits = 0;
        VITRINE_UNROLL
        for (int e = 0; e < columns; ++e) bits |= count[e];
        return bits != 0;
    }
};

/// A thread's place on its way down the rows of a tensor: its first column in a row. It goes along as a pointer, since an
/// address found anew takes several instructions; above the first row and below the last it points nowhere.
template <class T>
struct ColumnPlace {
    T* first;
    int image_row;  // values of a row
    int channels;

    /// tensor: may be null; nobody may go down then.
    __device__ __forceinline__ ColumnPlace(T* tensor, int index, int image_row_, int channels_)
        : first(tensor == nullptr ? nullptr : tensor + index), image_row(image_row_), channels(channels_) {}

    __device__ __forceinline__ void go_down(int rows) {
        VITRINE_UNROLL
        for (int i = 0; i < rows; ++i) first += image_row;
    }
    __device__ __forceinline__ T* operator()(int row, int e) const {
        T* at = first;
        VITRINE_UNROLL
        for (int i = 0; i < row; ++i) at += image_row;
        VITRINE_UNROLL
        for (int i = 0; i < e; ++i) at += channels;
        return at;
    }
};

/// Writes or accumulates a thread's values of some rows, `row` the first of them, as far as they are inside. Whether they
/// accumulate is asked once for all.
template <class T, int N, int rows, int columns>
__device__ __forceinline__ void put_columns(const ColumnPlace<T>& to, bool accumulate, int row,
                                            const ColumnRows<columns>& inside,
                                            Lanes<Accumulate<T>, N> (&values)[rows][columns]) {
    if (accumulate) {
        VITRINE_UNROLL
        for (int i = 0; i < rows; ++i) {
            VITRINE_UNROLL
            for (int e = 0; e < columns; ++e) {
                if (!inside.inside(row + i, e)) continue;
                const auto before = load_lanes<N>(to(i, e));
                VITRINE_UNROLL
                for (int k = 0; k < N; ++k) values[i][e][k] = before[k] + values[i][e][k];
            }
        }
    }
    VITRINE_UNROLL
    for (int i = 0; i < rows; ++i) {
        VITRINE_UNROLL
        for (int e = 0; e < columns; ++e) {
            if (inside.inside(row + i, e)) store_lanes(to(i, e), values[i][e]);
        }
    }
}

}  // namespace vitrine::VITRINE_GPU
