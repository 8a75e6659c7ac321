// Products of bf16 by tile registers, and the orders of memory that these need: see amx.h.

#include "kernels/cpu/amx.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "kernels/cpu/native_bf16.h"

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 takes what its own intrinsics leave undefined for a mistake (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

// What compiles with these instructions; nothing of it is inline in a header, where another file could take it for its own.
#define VITRINE_WITH_VECTORS __attribute__((target("avx512f,avx512bw,avx512vl")))
#define VITRINE_WITH_ROUNDING __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define VITRINE_WITH_TILES __attribute__((target("amx-tile,amx-bf16")))

namespace vitrine::cpu::amx {
namespace {

/// What LDTILECFG reads: all eight registers are 16 rows of 64 bytes.
struct alignas(64) Configuration {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

struct CpuidWords {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidWords cpuid(unsigned leaf) {
    CpuidWords words;
    if (__get_cpuid_count(leaf, 0, &words.eax, &words.ebx, &words.ecx, &words.edx) == 0) return {};
    return words;
}

/// Source: the same manual, volume 2, CPUID, leaf 7.
bool processor_has_tiles() {
    constexpr unsigned avx512f = 1u << 16, avx512bw = 1u << 30, avx512vl = 1u << 31;  // EBX
    constexpr unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24;                      // EDX
    constexpr unsigned vectors = avx512f | avx512bw | avx512vl, tiles = amx_bf16 | amx_tile;
    const CpuidWords words = cpuid(7);
    return (words.ebx & vectors) == vectors && (words.edx & tiles) == tiles && processor_rounds_to_bf16();
}

/// A program has to ask before its first use: the registers make what the system saves of a thread 8 KiB larger.
bool system_permits_tiles() {
    constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

/// A 16-bit row's elements [first, first + 32), zeros from `end` on.
VITRINE_WITH_VECTORS inline __m512i load_row(const bf16* row, int64_t first, int64_t end) {
    const int64_t left = std::clamp<int64_t>(end - first, 0, 32);
    const auto mask = static_cast<__mmask32>((uint64_t{1} << left) - 1);
    return _mm512_maskz_loadu_epi16(mask, row + first);
}

/// Of two rows: lane j of `low` is the pair of column j, of `high` that of column 16 + j.
VITRINE_WITH_VECTORS inline void pair_rows(__m512i upper, __m512i lower, __m512i* low, __m512i* high) {
    const __m512i one_after_the_other =
        _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5,
                         36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    *low = _mm512_permutex2var_epi16(upper, one_after_the_other, lower);
    *high =
        _mm512_permutex2var_epi16(upper, _mm512_add_epi16(one_after_the_other, _mm512_set1_epi16(16)), lower);
}

/// Transposes 16 × 16 words: squares of 2, of 4, and then the four quarters of the vectors.
VITRINE_WITH_VECTORS inline void transpose_words(__m512i (&row)[16]) {
    __m512i half[16];
    for (int i = 0; i < 16; i += 2) {
        half[i] = _mm512_unpacklo_epi32(row[i], row[i + 1]);
        half[i + 1] = _mm512_unpackhi_epi32(row[i], row[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        row[i] = _mm512_unpacklo_epi64(half[i], half[i + 2]);
        row[i + 1] = _mm512_unpackhi_epi64(half[i], half[i + 2]);
        row[i + 2] = _mm512_unpacklo_epi64(half[i + 1], half[i + 3]);
        row[i + 3] = _mm512_unpackhi_epi64(half[i + 1], half[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
        half[i] = _mm512_shuffle_i32x4(row[i], row[i + 4], 0x88);
        half[i + 4] = _mm512_shuffle_i32x4(row[i], row[i + 4], 0xDD);
        half[i + 8] = _mm512_shuffle_i32x4(row[i + 8], row[i + 12], 0x88);
        half[i + 12] = _mm512_shuffle_i32x4(row[i + 8], row[i + 12], 0xDD);
    }
    for (int i = 0; i < 4; ++i) {
        row[i] = _mm512_shuffle_i32x4(half[i], half[i + 8], 0x88);
        row[i + 4] = _mm512_shuffle_i32x4(half[i + 4], half[i + 12], 0x88);
        row[i + 8] = _mm512_shuffle_i32x4(half[i], half[i + 8], 0xDD);
        row[i + 12] = _mm512_shuffle_i32x4(half[i + 4], half[i + 12], 0xDD);
    }
}

/// A panel's columns from row `row` of C on, one tile high or two, and one wide or two.
template <int height, int width>
VITRINE_WITH_TILES inline void multiply_rows(const PanelProduct& product, int64_t row) {
    constexpr size_t word = sizeof(bf16);
    const auto c_bytes = static_cast<size_t>(product.c_stride) * sizeof(float);
    const auto a_bytes = static_cast<size_t>(product.a_stride) * word;
    constexpr size_t pair_row_bytes = panel_columns * 2 * word;
    constexpr bool low = height == 2, right = width == 2;
    float* c = product.c + row * product.c_stride;
    float* c_below = c + tile_rows * product.c_stride;
    if (product.add) {
        _tile_loadd(0, c, c_bytes);
        if (right) _tile_loadd(1, c + 16, c_bytes);
        if (low) _tile_loadd(2, c_below, c_bytes);
        if (low && right) _tile_loadd(3, c_below + 16, c_bytes);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    const bf16* pairs = product.pairs;
    for (int64_t k = 0; k < product.depth; k += tile_depth, pairs += tile_depth * panel_columns) {
        const bf16* a = product.a + row * product.a_stride + k;
        for (int64_t term = 0; term < product.terms; ++term) {
            if (term == 0 || product.pairs_term > 0) {
                const bf16* b = pairs + term * product.pairs_term;
                _tile_loadd(6, b, pair_row_bytes);
                if (right) _tile_loadd(7, b + 32, pair_row_bytes);
            }
            if (term == 0 || product.a_term > 0) {
                const bf16* rows = a + term * product.a_term;
                _tile_loadd(4, rows, a_bytes);
                if (low) _tile_loadd(5, rows + tile_rows * product.a_stride, a_bytes);
            }
            _tile_dpbf16ps(0, 4, 6);
            if (right) _tile_dpbf16ps(1, 4, 7);
            if (low) _tile_dpbf16ps(2, 5, 6);
            if (low && right) _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, c_bytes);
    if (right) _tile_stored(1, c + 16, c_bytes);
    if (low) _tile_stored(2, c_below, c_bytes);
    if (low && right) _tile_stored(3, c_below + 16, c_bytes);
}

template <int width>
void multiply_panel(const PanelProduct& product) {
    int64_t row = 0;
    for (; row + 2 * tile_rows <= product.rows; row += 2 * tile_rows) multiply_rows<2, width>(product, row);
    if (row < product.rows) multiply_rows<1, width>(product, row);
}

/// 32 floats of a row in two vectors; zeros beyond its end.
struct Floats {
    __m512i first, second;
};

VITRINE_WITH_VECTORS inline Floats load_floats(const float* row, int64_t column, int64_t end) {
    const __m512i zeros = _mm512_setzero_si512();
    return {column < end ? _mm512_loadu_si512(row + column) : zeros,
            column + 16 < end ? _mm512_loadu_si512(row + column + 16) : zeros};
}

struct Terms {
    __m512i high, low;
};

/// The upper halves of floats, which are bf16 nearer to zero, and what they leave, rounded.
VITRINE_WITH_ROUNDING inline Terms split(const Floats& floats) {
    const __m512i upper_halves =
        _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27, 25, 23,
                         21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    const __m512i top = _mm512_set1_epi32(static_cast<int>(0xFFFF0000u));
    const auto rest_of = [top](__m512i word) VITRINE_WITH_VECTORS {
        return _mm512_sub_ps(_mm512_castsi512_ps(word), _mm512_castsi512_ps(_mm512_and_si512(word, top)));
    };
    const __m512bh low = _mm512_cvtne2ps_pbh(rest_of(floats.second), rest_of(floats.first));
    return {_mm512_permutex2var_epi16(floats.first, upper_halves, floats.second),
            reinterpret_cast<__m512i>(low)};
}

VITRINE_WITH_VECTORS inline void store_pairs(__m512i upper, __m512i lower, bf16* to) {
    __m512i low, high;
    pair_rows(upper, lower, &low, &high);
    _mm512_storeu_si512(to, low);
    _mm512_storeu_si512(to + 32, high);
}

// Functions of their own: g++ 12 takes no target for a constructor.
VITRINE_WITH_TILES void set_up_registers() {
    static constexpr Configuration
        configuration;  // in memory: g++ 12 believes that only its first bytes are read
    _tile_loadconfig(&configuration);
}
VITRINE_WITH_TILES void release_registers() { _tile_release(); }

}  // namespace

const char* refusal() {
    static const char* const reason = !processor_has_tiles()    ? "the processor has no tile registers (AMX)"
                                      : !system_permits_tiles() ? "the system does not permit tile registers"
                                                                : nullptr;
    return reason;
}

Registers::Registers() { set_up_registers(); }
Registers::~Registers() { release_registers(); }

void multiply(const PanelProduct& product) {
    product.columns == panel_columns ? multiply_panel<2>(product) : multiply_panel<1>(product);
}

VITRINE_WITH_VECTORS void pack_rows(const bf16* rows, int64_t stride, int64_t count, int64_t columns,
                                    bf16* pairs) {
    const int64_t depth = round_up(count, tile_depth);
    for (int64_t column = 0; column < columns; column += panel_columns, pairs += depth * panel_columns) {
        for (int64_t k = 0; k < depth; k += 2) {
            store_pairs(load_row(rows + k * stride, column, k < count ? columns : 0),
                        load_row(rows + (k + 1) * stride, column, k + 1 < count ? columns : 0),
                        pairs + k * panel_columns);
        }
    }
}

VITRINE_WITH_VECTORS void pack_transposed(const bf16* weight, int64_t depth, int64_t columns, int64_t first,
                                          int64_t end, bf16* pairs) {
    const int64_t padded = round_up(depth, tile_depth);
    for (int64_t column = first * panel_columns; column < end * panel_columns; column += 16) {
        bf16* panel = pairs + column / panel_columns * padded * panel_columns + column % panel_columns * 2;
        for (int64_t k = 0; k < padded; k += tile_depth) {
            __m512i words[16];  // a word is a pair already
            for (int64_t j = 0; j < 16; ++j)
                words[j] = load_row(weight + (column + j) * depth, k, column + j < columns ? depth : 0);
            transpose_words(words);
            for (int64_t i = 0; i < 16; ++i)
                _mm512_storeu_si512(panel + (k / 2 + i) * panel_columns * 2, words[i]);
        }
    }
}

VITRINE_WITH_VECTORS void transpose(const bf16* rows, int64_t stride, int64_t count, int64_t columns,
                                    bf16* to, int64_t to_stride) {
    for (int64_t column = 0; column < columns; column += 32) {
        for (int64_t row = 0; row < count; row += 32) {
            __m512i left[16], right[16];
            for (int64_t i = 0; i < 16; ++i) {
                const int64_t k = row + 2 * i;
                pair_rows(load_row(rows + k * stride, column, k < count ? columns : 0),
                          load_row(rows + (k + 1) * stride, column, k + 1 < count ? columns : 0), &left[i],
                          &right[i]);
            }
            transpose_words(left);
            for (int64_t j = 0; j < 16; ++j)
                _mm512_storeu_si512(to + (column + j) * to_stride + row, left[j]);
            if (column + 16 >= columns) continue;
            transpose_words(right);
            for (int64_t j = 0; j < 16; ++j)
                _mm512_storeu_si512(to + (column + 16 + j) * to_stride + row, right[j]);
        }
    }
}

VITRINE_WITH_ROUNDING void split_rows(const float* rows, int64_t stride, int64_t count, int64_t columns,
                                      const SplitRows& to) {
    const int64_t depth = round_up(count, tile_depth);
    for (int64_t k = 0; k < depth; k += 2) {
        const int64_t ends[2] = {k < count ? columns : 0, k + 1 < count ? columns : 0};
        bf16* panel = to.pairs + k * panel_columns;
        for (int64_t column = 0; column < columns; column += panel_columns, panel += depth * panel_columns) {
            Terms terms[2];
            for (int64_t i = 0; i < 2; ++i) {
                terms[i] = split(load_floats(rows + (k + i) * stride, column, ends[i]));
                if (ends[i] == 0) continue;
                bf16* row = to.rows + (k + i) * to.row_stride + column;
                _mm512_storeu_si512(row, terms[i].high);
                _mm512_storeu_si512(row + to.rows_term, terms[i].low);
            }
            store_pairs(terms[0].high, terms[1].high, panel);
            store_pairs(terms[0].low, terms[1].low, panel + to.pairs_term);
        }
    }
}

VITRINE_WITH_VECTORS void stream(const bf16* from, int64_t count, bf16* to) {
    int64_t i = 0;
    for (; i + 32 <= count; i += 32)
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i), _mm512_loadu_si512(from + i));
    std::copy(from + i, from + count, to + i);
    _mm_sfence();
}

}  // namespace vitrine::cpu::amx

#else

namespace vitrine::cpu::amx {

const char* refusal() { return "the processor has no tile registers (AMX)"; }
Registers::Registers() = default;
Registers::~Registers() = default;
void multiply(const PanelProduct&) {}
void pack_rows(const bf16*, int64_t, int64_t, int64_t, bf16*) {}
void pack_transposed(const bf16*, int64_t, int64_t, int64_t, int64_t, bf16*) {}
void transpose(const bf16*, int64_t, int64_t, int64_t, bf16*, int64_t) {}
void split_rows(const float*, int64_t, int64_t, int64_t, const SplitRows&) {}
void stream(const bf16*, int64_t, bf16*) {}

}  // namespace vitrine::cpu::amx

#endif
