// The two ways to multiply matrices, under the same names, for the ops that take either: convolutions and linear layers.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/gemm_amx.h"

namespace vitrine::cpu {

/// By vectors of floats.
struct ByVectors {
    template <class T>
    static auto transposed(const T* weight, int64_t depth, int64_t columns, const Accumulate<T>* bias,
                           Context& context) {
        return pack_transposed(weight, depth, columns, bias, context);
    }
    template <class T>
    static auto rows(const T* weight, int64_t depth, int64_t columns, int64_t stride, int64_t product_rows,
                     Context& context) {
        return right_matrix(weight, depth, columns, stride, product_rows, context);
    }
    template <class T, class OffsetOf>
    static auto scattered_rows(const T* weight, int64_t depth, int64_t columns, Context& context,
                               const OffsetOf& offset_of) {
        return pack_rows(weight, depth, columns, context, offset_of);
    }
    static Chunks chunks(int64_t rows, int64_t depth, int64_t columns) {
        return product_chunks(rows, depth, columns);
    }
    template <class From, class To>
    static void multiply(const RowSource<From>& source, const RightMatrix<Accumulate<From>>& matrix,
                         const RowSink<To>& sink, Context& context) {
        product(source, matrix, sink, context);
    }
    template <class T, class G>
    static void outer(const OuterProduct<T, G>& task, Context& context) {
        outer_product(task, context);
    }
};

/// By tile registers: of bf16 alone.
struct ByTiles {
    amx::Terms terms{};  // of what is multiplied on the left: x in one, a gradient perhaps in two

    static auto transposed(const bf16* weight, int64_t depth, int64_t columns, const float* bias,
                           Context& context) {
        return amx::transposed_matrix(weight, depth, columns, bias, context);
    }
    static auto rows(const bf16* weight, int64_t depth, int64_t columns, int64_t stride, int64_t,
                     Context& context) {
        return amx::rows_matrix(weight, depth, columns, stride, context);
    }
    template <class OffsetOf>
    static auto scattered_rows(const bf16* weight, int64_t depth, int64_t columns, Context& context,
                               const OffsetOf& offset_of) {
        bf16* together = context.scratch.take<bf16>(depth * columns);
        for (int64_t k = 0; k < depth; ++k)
            std::copy_n(weight + offset_of(k), columns, together + k * columns);
        return amx::rows_matrix(together, depth, columns, columns, context);
    }
    static Chunks chunks(int64_t rows, int64_t depth, int64_t) { return amx::tile_chunks(rows, depth); }
    void multiply(const RowSource<bf16>& source, const amx::PairsMatrix& matrix, const RowSink<bf16>& sink,
                  Context& context) const {
        amx::product(source, terms, matrix, sink, context);
    }
    void outer(const OuterProduct<bf16, bf16>& task, Context& context) const {
        amx::outer_product(task, terms, context);
    }
};

}  // namespace vitrine::cpu
