// The two products of gemm.h for bf16, by tile registers (amx.h): rows are gathered in bf16, a prologue's values rounded to it,
// and sums are f32.
#pragma once

#include "kernels/cpu/amx.h"
#include "kernels/cpu/gemm.h"

namespace vitrine::cpu::amx {

/// The right matrix of a product in panels of pairs.
struct PairsMatrix {
    int64_t depth = 0;
    int64_t columns = 0;
    const bf16* pairs = nullptr;
    const float* bias = nullptr;  // [columns], or null

    int64_t panels() const { return round_up(columns, panel_columns) / panel_columns; }
    const bf16* panel(int64_t p) const { return pairs + p * round_up(depth, tile_depth) * panel_columns; }
    int64_t width(int64_t p) const { return std::min(panel_columns, columns - p * panel_columns); }
};

/// B[k, n] = weight[n · depth + k], in scratch memory.
PairsMatrix transposed_matrix(const bf16* weight, int64_t depth, int64_t columns, const float* bias,
                              Context& context);

/// B[k, n] = weight[k · stride + n], in scratch memory.
PairsMatrix rows_matrix(const bf16* weight, int64_t depth, int64_t columns, int64_t stride, Context& context);

/// As product_chunks: to these the sink's partial sums belong.
Chunks tile_chunks(int64_t rows, int64_t depth);

/// C = A · B. From is bf16, or float, which is taken apart into two bf16.
template <class From>
void product(const RowSource<From>& source, const PairsMatrix& matrix, const RowSink<bf16>& sink,
             Context& context);

/// D = Gᵀ · A. G is bf16, or float, which is taken apart.
template <class G>
void outer_product(const OuterProduct<bf16, G>& task, Context& context);

}  // namespace vitrine::cpu::amx
