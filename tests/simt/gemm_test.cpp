// A tiled matrix product under the executor: right, the same in any order, and every barrier needed.

#include "tests/simt/gemm.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/philox.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

constexpr int m = 37;
constexpr int n = 50;
constexpr int k = 45;

std::vector<float> random_values(size_t size, uint32_t sample) {
    std::vector<float> values(size);
    for (size_t i = 0; i < size; ++i) {
        values[i] = uniform_from_word(random_word({.seed = 1, .sample = sample}, i)) - 0.5f;
    }
    return values;
}

struct Problem {
    std::vector<float> a = random_values(m * k, 0);
    std::vector<float> b = random_values(k * n, 1);
    Buffer<float> device_a{a};
    Buffer<float> device_b{b};
    Buffer<float> device_c{m * n};

    /// In the order of the kernel's sums, so that not one bit differs.
    std::vector<float> expected() const {
        std::vector<float> c(m * n);
        for (int row = 0; row < m; ++row) {
            for (int column = 0; column < n; ++column) {
                float sum = 0;
                for (int i = 0; i < k; ++i) sum = std::fma(a[row * k + i], b[i * n + column], sum);
                c[row * n + column] = sum;
            }
        }
        return c;
    }

    void run() const { test::gemm(device_a.data(), device_b.data(), device_c.data(), m, n, k); }
};

}  // namespace

TEST_CASE(
    "a tiled matrix product has the bits of the plain loop, in every order, on any number of OS threads") {
    const Problem problem;
    const std::vector<float> expected = problem.expected();
    std::vector<Settings> all{
        {.order = Order::ascending}, {.order = Order::descending}, {.threads = 1}, {.check = false}};
    for (uint64_t seed = 1; seed <= 5; ++seed) all.push_back({.order = Order::shuffled, .seed = seed});
    for (const Settings& settings : all) {
        const SettingsScope scope(settings);
        zero(problem.device_c.data(), m * n * sizeof(float));
        problem.run();
        CHECK(problem.device_c.values() == expected);
    }
}

TEST_CASE("a correct kernel has no findings, and its barriers are counted") {
    const Problem problem;
    const LaunchReport report = report_of([&] { problem.run(); });
    CHECK_MESSAGE(report.findings.empty(), shown_findings(report));
    CHECK(report.kernel == "tiled_gemm<-1>");
    CHECK(report.barriers == 4 * 3 * 3 * 2);  // blocks, tiles along k, barriers a tile
}

#ifdef VITRINE_SIMT_HOOKS
TEST_CASE("each barrier that is left out is reported, in every order") {
    const Problem problem;
    for (const int removed : {0, 1}) {
        for (const Order order : {Order::ascending, Order::descending, Order::shuffled}) {
            const LaunchReport report = report_of(
                [&] {
                    test::gemm_without_barrier(removed, problem.device_a.data(), problem.device_b.data(),
                                               problem.device_c.data(), m, n, k);
                },
                {.order = order});
            CHECK(std::ranges::any_of(report.findings, [](const Finding& finding) {
                return finding.kind == FindingKind::shared_race &&
                       finding.where.starts_with("tests/simt/gemm.cu:") &&
                       finding.message.find("_tile") != std::string::npos;
            }));
        }
    }
}

TEST_CASE("bytes of a matrix product are those of its tiles") {
    const Problem problem;
    const LaunchReport report = report_of([&] { problem.run(); });
    // Each tile of c reads its rows of a and its columns of b once.
    const uint64_t tile_columns = (n + 15) / 16;
    const uint64_t tile_rows = (m + 15) / 16;
    CHECK(report.global_bytes_read == sizeof(float) * (tile_columns * m * k + tile_rows * k * n));
    CHECK(report.global_bytes_written == sizeof(float) * m * n);
}
#endif
