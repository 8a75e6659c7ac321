// Matrix products of a warp, and what ldmatrix deals out: see matrices.h.

#include "kernels/simt/executor/matrices.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/half.h"
#include "kernels/simt/executor/indices.h"
#include "kernels/simt/executor/observer.h"
#include "kernels/simt/executor/switching.h"
#include "kernels/simt/executor/worker.h"

namespace vitrine::simt {
namespace {

constexpr uint32_t rows = 16;
constexpr uint32_t columns = 8;
constexpr uint32_t most_words = 8;  // of a row of A
constexpr uint32_t all_lanes = ~0u;

double number_of(MatrixElement element, uint32_t word, uint32_t half) {
    if (element == MatrixElement::tf32) return std::bit_cast<float>(word);
    const auto bits = static_cast<uint16_t>(word >> 16 * half);
    return element == MatrixElement::f16 ? static_cast<float>(std::bit_cast<f16>(bits))
                                         : static_cast<float>(std::bit_cast<bf16>(bits));
}

/// The words of A [16, words] and B [8 columns, words], gathered from the lanes' registers.
struct Words {
    uint32_t a[rows][most_words];
    uint32_t b[columns][most_words];

    explicit Words(std::span<MatrixProduct* const, warp_size> lanes) {
        for (uint32_t lane = 0; lane < warp_size; ++lane) {
            const uint32_t group = lane / 4, member = lane % 4;
            for (uint32_t half = 0; half < lanes[lane]->columns / 4u; ++half) {
                const uint32_t word = member + 4 * half;
                a[group][word] = lanes[lane]->a[2 * half];
                a[group + 8][word] = lanes[lane]->a[2 * half + 1];
                b[group][word] = lanes[lane]->b[half];
            }
        }
    }
};

}  // namespace

float cut_to_float(double sum) {
    const auto rounded = static_cast<float>(sum);
    if (std::isinf(rounded) || !(std::abs(double{rounded}) > std::abs(sum))) return rounded;
    return std::nextafter(rounded, 0.0f);
}

void multiply_lanes(std::span<MatrixProduct* const, 32> lanes) {
    const MatrixElement element = lanes[0]->element;
    const uint32_t words = lanes[0]->columns;
    const uint32_t of_word = element == MatrixElement::tf32 ? 1 : 2;
    const Words registers(lanes);
    double a[rows][2 * most_words];
    double b[columns][2 * most_words];
    for (uint32_t k = 0; k < words * of_word; ++k) {
        const uint32_t word = k / of_word, half = k % of_word;
        for (uint32_t row = 0; row < rows; ++row)
            a[row][k] = number_of(element, registers.a[row][word], half);
        for (uint32_t column = 0; column < columns; ++column) {
            b[column][k] = number_of(element, registers.b[column][word], half);
        }
    }
    for (uint32_t lane = 0; lane < warp_size; ++lane) {
        for (uint32_t i = 0; i < 4; ++i) {
            const uint32_t row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            double sum = lanes[lane]->c[i];
            for (uint32_t k = 0; k < words * of_word; ++k) sum += a[row][k] * b[column][k];
            lanes[lane]->c[i] = cut_to_float(sum);
        }
    }
}

uint64_t multiply_adds_of(const MatrixProduct& product) {
    const uint64_t of_word = product.element == MatrixElement::tf32 ? 1 : 2;
    return uint64_t{rows} * columns * product.columns * of_word;
}

bool has_unrounded(const MatrixProduct& product) {
    if (product.element != MatrixElement::tf32) return false;
    const auto unrounded = [](uint32_t word) {
        return (word & 0x1FFFu) != 0 && !std::isnan(std::bit_cast<float>(word));
    };
    bool any = unrounded(product.b[0]) || unrounded(product.b[1]);
    for (const uint32_t word : product.a) any = any || unrounded(word);
    return any;
}

void exchange_rows(std::span<MatrixLoad* const, 32> lanes) {
    std::array<std::array<uint32_t, 4>, warp_size> rows_of_lanes;
    for (uint32_t lane = 0; lane < warp_size; ++lane) {
        std::memcpy(rows_of_lanes[lane].data(), lanes[lane]->words, sizeof(lanes[lane]->words));
    }
    for (uint32_t lane = 0; lane < warp_size; ++lane) {
        const uint32_t group = lane / 4, member = lane % 4;
        for (uint32_t matrix = 0; matrix < static_cast<uint32_t>(lanes[lane]->matrices); ++matrix) {
            const auto* const matrix_rows = &rows_of_lanes[8 * matrix];
            if (!lanes[lane]->transposed) {
                lanes[lane]->words[matrix] = matrix_rows[group][member];
                continue;
            }
            const auto element = [&](uint32_t row) {
                return matrix_rows[row][group / 2] >> 16 * (group % 2) & 0xFFFFu;
            };
            lanes[lane]->words[matrix] = element(2 * member) | element(2 * member + 1) << 16;
        }
    }
}

void warp_multiplies(MatrixProduct& mine, Location location) {
    const int kind = static_cast<int>(mine.element) * 16 + mine.columns;
    const auto value = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&mine));
    running().warp_operation({WarpOperation::multiply, all_lanes, value, kind, warp_size}, location);
}

void warp_loads(MatrixLoad& mine, const void* row, Location location) {
    const uint32_t lane = running().now().rank % warp_size;
    {
        const Unobserved unobserved;
        for (uint32_t& word : mine.words) word = 0;
        if (lane < 8 * static_cast<uint32_t>(mine.matrices)) {
            if (unobserved.observer() != nullptr) {
                const auto code = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
                unobserved.observer()->observe_row(reinterpret_cast<uintptr_t>(row), code);
            }
            std::memcpy(mine.words, row, sizeof(mine.words));
        }
    }
    const int kind = mine.matrices + (mine.transposed ? 8 : 0);
    const auto value = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&mine));
    running().warp_operation({WarpOperation::load_matrices, all_lanes, value, kind, warp_size}, location);
}

}  // namespace vitrine::simt
