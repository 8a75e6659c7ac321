// The two products of gemm.h for bf16, by tile registers (amx.h): rows are gathered in bf16, a prologue's values rounded to it,
// and sums are f32.
#pragma once

#include "kernels/conv.h"
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

/// In elements: what copies of whole vectors may reach beyond a row.
inline constexpr int64_t widest_vector = 64 / sizeof(bf16);

/// As product_chunks: to these the sink's partial sums belong.
Chunks tile_chunks(int64_t rows, int64_t depth);

/// How many terms a tensor of bf16 is the sum of, and how many elements each lies behind the last. What rounding a float to one
/// would lose counts where large gradients cancel, as those of a batch norm do: they are taken apart into two.
struct Terms {
    int64_t count = 1;
    int64_t distance = 0;
};

/// d_y plus the epilogue's part, in two terms [2, out_pixels, out_channels] in scratch memory; d_y itself, in one, if there is none.
const bf16* gradient_in_terms(const ConvBackward& args, Terms& terms, Context& context);

/// C = A · B, of a source whose pixels are in terms.
void product(const RowSource<bf16>& source, const Terms& terms, const PairsMatrix& matrix,
             const RowSink<bf16>& sink, Context& context);

/// D = Gᵀ · A, of a gradient in terms; or of one in one term, which goes through an epilogue while it is read.
void outer_product(const OuterProduct<bf16, bf16>& task, const Terms& terms, Context& context);

}  // namespace vitrine::cpu::amx
