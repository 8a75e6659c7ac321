// Products by tile registers against the same sums of whole numbers, which floats add exactly in any order.
//
// Where the processor has no tile registers, what is tested is that nothing chooses them.

#include "kernels/cpu/amx.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "kernels/kernels.h"

namespace vitrine::cpu::amx {
namespace {

/// Whole numbers from -3 to 3, told by their place.
float number(int64_t i) { return static_cast<float>(i * 7919 % 7 - 3); }

std::vector<bf16> numbers(int64_t count, int64_t seed) {
    std::vector<bf16> all;
    for (int64_t i = 0; i < count; ++i) all.emplace_back(number(i + seed));
    return all;
}

struct Sizes {
    int64_t rows, depth, columns;
};

constexpr Sizes sizes[]{{16, 32, 32}, {48, 96, 24}, {37, 24, 144}, {160, 33, 7}, {1, 1, 1}, {64, 100, 65}};

/// A [rows, depth], in rows of whole tiles that are zero beyond it.
std::vector<bf16> whole_rows(const std::vector<bf16>& a, const Sizes& size) {
    const int64_t stride = round_up(size.depth, tile_depth);
    std::vector<bf16> whole(static_cast<size_t>(round_up(size.rows, tile_rows) * stride), bf16(0.0f));
    for (int64_t i = 0; i < size.rows; ++i) {
        for (int64_t k = 0; k < size.depth; ++k)
            whole[static_cast<size_t>(i * stride + k)] = a[static_cast<size_t>(i * size.depth + k)];
    }
    return whole;
}

float exact(const std::vector<bf16>& a, const std::vector<bf16>& b, const Sizes& size, int64_t i, int64_t j) {
    float sum = 0;
    for (int64_t k = 0; k < size.depth; ++k)
        sum += float(a[static_cast<size_t>(i * size.depth + k)]) *
               float(b[static_cast<size_t>(k * size.columns + j)]);
    return sum;
}

struct OperandTerms {
    int64_t count = 1;
    int64_t of_a = 0, of_pairs = 0;
};

/// All panels of C [whole rows, whole panels], from ones where it is added to.
std::vector<float> products(const std::vector<bf16>& a, const std::vector<bf16>& pairs, const Sizes& size,
                            bool add, const OperandTerms& terms = {}) {
    const int64_t depth = round_up(size.depth, tile_depth), columns = round_up(size.columns, panel_columns);
    const int64_t rows = round_up(size.rows, tile_rows);
    std::vector<float> c(static_cast<size_t>(rows * columns), 1.0f);
    const Registers registers;
    for (int64_t column = 0; column < columns; column += panel_columns) {
        multiply({.a = a.data(),
                  .a_stride = depth,
                  .rows = rows,
                  .pairs = pairs.data() + column * depth,
                  .depth = depth,
                  .c = c.data() + column,
                  .c_stride = columns,
                  .add = add,
                  .terms = terms.count,
                  .a_term = terms.of_a,
                  .pairs_term = terms.of_pairs});
    }
    return c;
}

void check_products(const std::vector<float>& c, const std::vector<bf16>& a, const std::vector<bf16>& b,
                    const Sizes& size, float times, float plus) {
    const int64_t columns = round_up(size.columns, panel_columns);
    for (int64_t i = 0; i < size.rows; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
            const float expected = j < size.columns ? times * exact(a, b, size, i, j) + plus : plus;
            REQUIRE(c[static_cast<size_t>(i * columns + j)] == expected);
        }
    }
}

TEST_CASE("amx: products of rows by pairs") {
    if (refusal() != nullptr) return;
    for (const Sizes& size : sizes) {
        CAPTURE(size.rows);
        CAPTURE(size.depth);
        CAPTURE(size.columns);
        const std::vector<bf16> a = numbers(size.rows * size.depth, 1);
        const std::vector<bf16> b = numbers(size.depth * size.columns, 5);
        std::vector<bf16> pairs(static_cast<size_t>(pairs_elements(size.depth, size.columns)));
        pack_rows(b.data(), size.columns, size.depth, size.columns, pairs.data());
        const std::vector<bf16> whole = whole_rows(a, size);
        check_products(products(whole, pairs, size, false), a, b, size, 1, 0);
        check_products(products(whole, pairs, size, true), a, b, size, 1, 1);

        std::vector<bf16> twice = whole, pairs_twice = pairs;
        twice.insert(twice.end(), whole.begin(), whole.end());
        pairs_twice.insert(pairs_twice.end(), pairs.begin(), pairs.end());
        const auto a_term = static_cast<int64_t>(whole.size()),
                   pairs_term = static_cast<int64_t>(pairs.size());
        check_products(products(twice, pairs, size, false, {2, a_term, 0}), a, b, size, 2, 0);
        check_products(products(whole, pairs_twice, size, false, {2, 0, pairs_term}), a, b, size, 2, 0);
    }
}

TEST_CASE("amx: of half a panel, the other half of the results is left alone") {
    if (refusal() != nullptr) return;
    for (const int64_t rows : {16, 48}) {
        const Sizes size{rows, 64, 16};
        const std::vector<bf16> a = numbers(size.rows * size.depth, 1);
        const std::vector<bf16> b = numbers(size.depth * size.columns, 5);
        std::vector<bf16> pairs(static_cast<size_t>(pairs_elements(size.depth, size.columns)));
        pack_rows(b.data(), size.columns, size.depth, size.columns, pairs.data());
        std::vector<float> c(static_cast<size_t>(rows * panel_columns), 1.0f);
        const Registers registers;
        multiply({.a = a.data(),
                  .a_stride = size.depth,
                  .rows = rows,
                  .pairs = pairs.data(),
                  .depth = size.depth,
                  .c = c.data(),
                  .c_stride = panel_columns,
                  .add = true,
                  .columns = 16});
        for (int64_t i = 0; i < rows; ++i) {
            for (int64_t j = 0; j < panel_columns; ++j) {
                const float expected = j < 16 ? exact(a, b, size, i, j) + 1 : 1;
                REQUIRE(c[static_cast<size_t>(i * panel_columns + j)] == expected);
            }
        }
    }
}

TEST_CASE("amx: floats in two terms, as rows and in pairs") {
    if (refusal() != nullptr) return;
    for (const auto& [count, columns] : {std::pair<int64_t, int64_t>{1, 16}, {33, 48}, {32, 32}, {70, 80}}) {
        CAPTURE(count);
        CAPTURE(columns);
        std::vector<float> rows;
        for (int64_t i = 0; i < count * columns; ++i) rows.push_back(number(i) * 1.234567f + 0.001f);
        const int64_t stride = round_up(columns, tile_depth), rows_term = count * stride;
        const int64_t pairs_term = pairs_elements(count, columns);
        const bf16 nine(9.0f);
        std::vector<bf16> terms(static_cast<size_t>(2 * rows_term), nine),
            pairs(static_cast<size_t>(2 * pairs_term), nine), expected_pairs = pairs;
        split_rows(rows.data(), columns, count, columns,
                   {terms.data(), stride, rows_term, pairs.data(), pairs_term});
        for (int64_t i = 0; i < count; ++i) {
            for (int64_t j = 0; j < stride; ++j) {
                const auto at = static_cast<size_t>(i * stride + j),
                           low = at + static_cast<size_t>(rows_term);
                const float value = j < columns ? rows[static_cast<size_t>(i * columns + j)] : 0.0f;
                REQUIRE(std::abs(float(terms[at]) + float(terms[low]) - value) <= std::abs(value) * 0x1p-15f);
                REQUIRE(std::abs(float(terms[at]) - value) <= std::abs(value) * 0x1p-7f);
            }
        }
        for (int64_t term = 0; term < 2; ++term)
            pack_rows(terms.data() + term * rows_term, stride, count, columns,
                      expected_pairs.data() + term * pairs_term);
        const int64_t depth = round_up(count, tile_depth);
        for (int64_t i = 0; i < 2 * pairs_term; ++i) {
            const int64_t column =
                i % pairs_term / (depth * panel_columns) * panel_columns + i / 2 % panel_columns;
            if (column >= columns) continue;  // the other half of half a panel
            REQUIRE(pairs[static_cast<size_t>(i)].bits == expected_pairs[static_cast<size_t>(i)].bits);
        }
    }
}

TEST_CASE("amx: a transposed weight packs as its rows do, and back") {
    if (refusal() != nullptr) return;
    for (const Sizes& size : sizes) {
        const std::vector<bf16> b = numbers(size.depth * size.columns, 3);
        std::vector<bf16> turned(
            static_cast<size_t>(round_up(size.columns, tile_rows) * round_up(size.depth, 32)), bf16(9.0f));
        const int64_t stride = round_up(size.depth, 32);
        transpose(b.data(), size.columns, size.depth, size.columns, turned.data(), stride);
        std::vector<bf16> weight;
        for (int64_t j = 0; j < round_up(size.columns, tile_rows); ++j) {
            for (int64_t k = 0; k < stride; ++k) {
                const bool inside = j < size.columns && k < size.depth;
                const float expected = inside ? float(b[static_cast<size_t>(k * size.columns + j)]) : 0.0f;
                REQUIRE(float(turned[static_cast<size_t>(j * stride + k)]) == expected);
                if (inside) weight.push_back(turned[static_cast<size_t>(j * stride + k)]);
            }
        }
        std::vector<bf16> rows(static_cast<size_t>(pairs_elements(size.depth, size.columns)), bf16(9.0f));
        std::vector<bf16> transposed = rows;
        pack_rows(b.data(), size.columns, size.depth, size.columns, rows.data());
        pack_transposed(weight.data(), size.depth, size.columns, 0, ceil_divide(size.columns, panel_columns),
                        transposed.data());
        for (size_t i = 0; i < rows.size(); ++i) REQUIRE(rows[i].bits == transposed[i].bits);
    }
}

TEST_CASE("amx: what is copied past the caches arrives whole") {
    if (refusal() != nullptr) return;
    struct alignas(64) Line {
        bf16 values[32];
    };
    for (const int64_t count : {1, 31, 32, 33, 100}) {
        const std::vector<bf16> from = numbers(count, 2);
        Line to[4] = {};
        stream(from.data(), count, to[0].values);
        for (int64_t i = 0; i < 128; ++i) {
            const bf16 found = to[i / 32].values[i % 32];
            REQUIRE(found.bits == (i < count ? from[static_cast<size_t>(i)].bits : 0));
        }
    }
}

TEST_CASE("amx: chosen for bf16 where the processor has tile registers, and for nothing else") {
    ConvForward forward;
    forward.shape.kernel = forward.shape.stride = {1, 1};
    const auto chosen = [&](DType dtype) {
        forward.dtype = dtype;
        return std::string_view(
            kernels(Device::cpu).pointwise_conv_forward->choose(forward, Device::cpu).name);
    };
    CHECK(chosen(DType::bf16) == (refusal() == nullptr ? "amx" : "gemm"));
    CHECK(chosen(DType::f16) == "gemm");
    CHECK(chosen(DType::f32) == "gemm");
}

}  // namespace
}  // namespace vitrine::cpu::amx
