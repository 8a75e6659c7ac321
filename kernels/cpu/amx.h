// Products of bf16 by AMX, the tile registers of newer x86 processors: one instruction multiplies 16 rows of 32 by 32 rows of
// 16, which is sixteen times what vectors of floats do in the same time.
//
// A tile register holds 16 rows of 64 bytes. Of the left matrix that is 16 rows of 32 numbers, as they lie in memory; of the
// right one 16 *pairs* of rows for 16 columns, a number and the one below it side by side; of the result 16 × 16 floats:
//
//     C[i, j] += Σ_k A[i, 2k] · B[2k, j] + A[i, 2k+1] · B[2k+1, j]            k = 0 … 15
//
// Four results, two tiles high and two wide, use each tile that is loaded twice. So everything here is in *panels* of 32
// columns, and in multiples of 16 rows and of 32 of the depth, filled up with zeros. Sums are f32, in an order that depends on
// the shapes alone. What is smaller than 2^-126 counts as zero: the instruction knows no subnormal numbers.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, TDPBF16PS; volume 1, chapter 18.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/cpu/parallel.h"
#include "kernels/dtype.h"

namespace vitrine::cpu::amx {

inline constexpr int64_t tile_rows = 16;
inline constexpr int64_t tile_depth = 32;
inline constexpr int64_t panel_columns = 32;

/// Elements of a right matrix in panels: [panels, depth / 2, 32 columns, 2].
constexpr int64_t pairs_elements(int64_t depth, int64_t columns) {
    return round_up(depth, tile_depth) * round_up(columns, panel_columns);
}

/// Null if this processor and this system multiply by tiles, else why not.
const char* refusal();

/// Whether an implementation of that name multiplies by tiles. Such a one refuses everything where refusal() says why.
constexpr bool is_implementation(std::string_view implementation) { return implementation.ends_with("amx"); }

/// Of implementations that multiply bf16 by tiles.
template <class Args>
const char* refuses_all_but_bf16(const Args& args) {
    return args.dtype == DType::bf16 ? refusal() : "multiplies bf16 alone";
}

/// The calling thread's tile registers, set up as long as this lives.
class Registers {
  public:
    Registers();
    ~Registers();
    Registers(const Registers&) = delete;
    Registers& operator=(const Registers&) = delete;
};

/// C[i, j] (+)= Σ_k A[i, k] · B[k, j] for one panel of columns, while Registers live. A or B may be the sum of two terms: what
/// has to stay a float is one to 2^-17 of it, as a bf16 and another for what that leaves.
struct PanelProduct {
    const bf16* a;  // [rows, depth], rows a_stride apart; room for whole tiles
    int64_t a_stride;
    int64_t rows;       // a multiple of tile_rows
    const bf16* pairs;  // a panel: [depth / 2, 32, 2]
    int64_t depth;      // a multiple of tile_depth
    float* c;           // [rows, 32], c_stride apart
    int64_t c_stride;
    bool add;
    int64_t terms = 1;
    int64_t a_term = 0;  // from a term of A to the next; 0 where it has but one, as pairs_term of B
    int64_t pairs_term = 0;
    int64_t columns = panel_columns;  // or half of them: the others of c are left alone
};

void multiply(const PanelProduct& product);

/// B[k, j] = rows[k · stride + j] in panels of pairs. With `count` rows and `columns` of them, the rest zeros.
void pack_rows(const bf16* rows, int64_t stride, int64_t count, int64_t columns, bf16* pairs);

/// B[k, j] = weight[j · depth + k] in panels of pairs, for panels [first, end).
void pack_transposed(const bf16* weight, int64_t depth, int64_t columns, int64_t first, int64_t end,
                     bf16* pairs);

/// to[j, i] = rows[i, j]: [columns, count], rows of it to_stride apart, filled up with zeros to whole tiles.
void transpose(const bf16* rows, int64_t stride, int64_t count, int64_t columns, bf16* to, int64_t to_stride);

/// Where split_rows() leaves the two terms of a matrix: as rows, and in panels of pairs.
struct SplitRows {
    bf16* rows;  // [2, count, row_stride]: filled up with zeros to whole depths of tiles
    int64_t row_stride;
    int64_t rows_term;
    bf16* pairs;  // [2, panels]: filled up with rows of zeros
    int64_t pairs_term;
};

/// [count, columns] floats, rows `stride` apart, for a product by their columns and one by their rows. `columns` are a multiple
/// of 16; of half a panel of pairs the other half has no meaning.
void split_rows(const float* rows, int64_t stride, int64_t count, int64_t columns, const SplitRows& to);

/// Copies past the caches: `to` begins a line, and is a tensor larger than they are. The lines are not read before.
void stream(const bf16* from, int64_t count, bf16* to);

}  // namespace vitrine::cpu::amx
