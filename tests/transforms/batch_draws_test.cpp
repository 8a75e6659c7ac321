// Erasing, mixup, cutmix and Poisson noise: their distributions against torchvision's draws and against
// theory.

#include "data/transforms/batch_draws.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>

#include "kernels/finish_arithmetic.h"
#include "tests/folders.h"

using namespace vitrine;

namespace {

using Counts = std::vector<int64_t>;
using nlohmann::json;

constexpr uint32_t draws_each = 100'000;

Draws draws_of(uint32_t sample) { return Draws(RandomKey{.seed = 17, .sample = sample}); }

const json& golden() {
    static const json all = [] {
        std::ifstream file(tests::repository() / "tests/golden/batch_draws.json");
        return json::parse(file);
    }();
    return all;
}

int64_t& at(Counts& counts, int64_t index) { return counts.at(static_cast<size_t>(index)); }

/// Whether two histograms are of one distribution: chi-square beyond which one honest pair in 100,000 lies.
/// Bins with few draws are joined to the next.
void check_same(const char* what, const Counts& ours, const Counts& theirs) {
    CAPTURE(what);
    REQUIRE(ours.size() == theirs.size());
    double chi_square = 0.0, freedom = -1.0, a = 0.0, b = 0.0;
    for (size_t i = 0; i < ours.size(); ++i) {
        a += static_cast<double>(ours[i]);
        b += static_cast<double>(theirs[i]);
        if (a + b < 40.0) continue;
        chi_square += (a - b) * (a - b) / (a + b);
        freedom += 1.0;
        a = b = 0.0;
    }
    // Wilson and Hilferty's approximation of the chi-square distribution.
    const double spread = 2.0 / (9.0 * std::max(freedom, 1.0));
    const double limit = std::max(freedom, 1.0) * std::pow(1.0 - spread + 4.265 * std::sqrt(spread), 3.0);
    CHECK_MESSAGE(chi_square < limit, what, ": chi-square ", chi_square, " of ", freedom, " degrees");
}

/// The distribution function of Beta(alpha, alpha) at x, by a sum over the middles of narrow steps in
/// t = sin²(u), where the density is bounded for alpha of 1/2 and more.
double beta_function(double alpha, double x) {
    const double log_scale = std::lgamma(2 * alpha) - 2 * std::lgamma(alpha);
    const double end = std::asin(std::sqrt(x));
    constexpr int steps = 4000;
    double sum = 0.0;
    for (int i = 0; i < steps; ++i) {
        const double u = end * (i + 0.5) / steps;
        sum += std::exp(log_scale + (2 * alpha - 1) * std::log(std::sin(u) * std::cos(u))) * 2 * end / steps;
    }
    return sum;
}

Counts counts_of(const json& entry, const char* name) { return entry.at(name).get<Counts>(); }

}  // namespace

TEST_CASE("shares of mixup are Beta distributed: Kolmogorov and Smirnov's distance, and moments") {
    for (const double alpha : {0.5, 1.0, 2.5, 8.0}) {
        CAPTURE(alpha);
        std::vector<double> shares;
        for (uint32_t i = 0; i < draws_each; ++i) {
            Draws draws = draws_of(i);
            shares.push_back(draw_beta(alpha, draws));
        }
        std::ranges::sort(shares);
        double distance = 0.0;
        for (size_t i = 0; i < shares.size(); i += 500) {
            const double expected = static_cast<double>(i) / static_cast<double>(shares.size());
            distance = std::max(distance, std::abs(beta_function(alpha, shares[i]) - expected));
        }
        CHECK(distance < 2.2 / std::sqrt(draws_each));  // one honest sample in 10,000 is beyond it
        double mean = 0.0, square = 0.0;
        for (const double share : shares) {
            CHECK_FALSE((share < 0.0 || share > 1.0));
            mean += share / draws_each;
            square += (share - 0.5) * (share - 0.5) / draws_each;
        }
        const double variance = 1.0 / (4.0 * (2.0 * alpha + 1.0));
        CHECK(std::abs(mean - 0.5) < 4.5 * std::sqrt(variance / draws_each));
        CHECK(square == doctest::Approx(variance).epsilon(0.03));
    }
}

TEST_CASE("gammas of any shape have their mean and variance, and tiny ones do not vanish") {
    for (const double shape : {0.05, 0.7, 1.0, 3.3, 400.0}) {
        CAPTURE(shape);
        double mean = 0.0, square = 0.0;
        for (uint32_t i = 0; i < draws_each; ++i) {
            Draws draws = draws_of(i);
            const double gamma = std::exp(draw_log_gamma(shape, draws));
            mean += gamma / draws_each;
            square += gamma * gamma / draws_each;
        }
        CHECK(std::abs(mean - shape) < 4.5 * std::sqrt(shape / draws_each));
        CHECK(square - mean * mean == doctest::Approx(shape).epsilon(0.08));
    }
    // Beta(0.001, 0.001) is nearly a coin.
    int ends = 0;
    for (uint32_t i = 0; i < 1000; ++i) {
        Draws draws = draws_of(i);
        const double share = draw_beta(1e-3, draws);
        REQUIRE((share >= 0.0 && share <= 1.0));
        ends += share < 1e-6 || share > 1.0 - 1e-6;
    }
    CHECK(ends > 950);
}

TEST_CASE("mixup's and cutmix's shares and boxes are distributed as torchvision's") {
    for (const json& entry : golden().at("mixup")) {
        const BatchMix mix{.mixup_alpha = entry.at("alpha").get<double>(), .cutmix_alpha = {}};
        Counts shares(20);
        for (uint32_t i = 0; i < draws_each; ++i) {
            Draws draws = draws_of(i);
            const MixDraw drawn = draw_mix(mix, {8, 8}, draws);
            REQUIRE(drawn.mixing == BatchMixing::mixup);
            ++at(shares, std::min<int64_t>(static_cast<int64_t>(drawn.lambda * 20), 19));
        }
        check_same("shares", shares, counts_of(entry, "shares"));
    }
    for (const json& entry : golden().at("cutmix")) {
        const BatchMix mix{.mixup_alpha = {}, .cutmix_alpha = entry.at("alpha").get<double>()};
        const int64_t height = entry.at("height"), width = entry.at("width");
        Counts shares(20), tops(static_cast<size_t>(height)), lefts(static_cast<size_t>(width)),
            heights(static_cast<size_t>(height) + 1), widths(static_cast<size_t>(width) + 1);
        for (uint32_t i = 0; i < draws_each; ++i) {
            Draws draws = draws_of(i);
            const MixDraw drawn = draw_mix(mix, {height, width}, draws);
            REQUIRE(drawn.mixing == BatchMixing::cutmix);
            const PixelBox& box = drawn.box;
            REQUIRE(drawn.lambda == doctest::Approx(1.0 - static_cast<double>(box.height * box.width) /
                                                              static_cast<double>(height * width)));
            ++at(shares, std::min<int64_t>(static_cast<int64_t>(drawn.lambda * 20), 19));
            ++at(tops, box.top);
            ++at(lefts, box.left);
            ++at(heights, box.height);
            ++at(widths, box.width);
        }
        check_same("shares", shares, counts_of(entry, "shares"));
        check_same("tops", tops, counts_of(entry, "tops"));
        check_same("lefts", lefts, counts_of(entry, "lefts"));
        check_same("heights", heights, counts_of(entry, "heights"));
        check_same("widths", widths, counts_of(entry, "widths"));
    }
}

TEST_CASE("with mixup and cutmix a batch gets either, at even chances; without, neither") {
    int cut = 0;
    for (uint32_t i = 0; i < 10'000; ++i) {
        Draws draws = draws_of(i);
        cut +=
            draw_mix({.mixup_alpha = 1.0, .cutmix_alpha = 1.0}, {8, 8}, draws).mixing == BatchMixing::cutmix;
    }
    CHECK(std::abs(cut - 5'000) < 225);  // 4.5 deviations
    Draws draws = draws_of(0);
    const MixDraw none = draw_mix({}, {8, 8}, draws);
    CHECK(none.mixing == BatchMixing::none);
    CHECK(none.lambda == 1.0);
}

TEST_CASE("erased boxes are distributed as torchvision's") {
    for (const json& entry : golden().at("erasing")) {
        RandomErasing erasing{.p = 1.0};
        erasing.scale = {entry.at("scale")[0], entry.at("scale")[1]};
        erasing.ratio = {entry.at("ratio")[0], entry.at("ratio")[1]};
        const int64_t height = entry.at("height"), width = entry.at("width");
        Counts none(2), tops(static_cast<size_t>(height)), lefts(static_cast<size_t>(width)),
            heights(static_cast<size_t>(height)), widths(static_cast<size_t>(width));
        for (uint32_t i = 0; i < draws_each; ++i) {
            Draws draws = draws_of(i);
            const PixelBox box = draw_erasing(erasing, {height, width}, draws).box;
            if (box.height == 0) continue;
            REQUIRE(box.top + box.height <= height);
            REQUIRE(box.left + box.width <= width);
            ++none[1];
            ++at(tops, box.top);
            ++at(lefts, box.left);
            ++at(heights, box.height);
            ++at(widths, box.width);
        }
        none[0] = draws_each - none[1];
        const int64_t theirs = entry.at("none");
        check_same("none", none, {theirs, draws_each - theirs});
        check_same("tops", tops, counts_of(entry, "tops"));
        check_same("lefts", lefts, counts_of(entry, "lefts"));
        check_same("heights", heights, counts_of(entry, "heights"));
        check_same("widths", widths, counts_of(entry, "widths"));
    }
}

TEST_CASE("images are erased with probability p, and what fills the box is passed on") {
    for (const double p : {0.0, 0.25, 1.0}) {
        const RandomErasing erasing{.p = p, .value = {1, 2, 3}, .noise = true};
        int erased = 0;
        for (uint32_t i = 0; i < 20'000; ++i) {
            Draws draws = draws_of(i);
            const ErasedBox box = draw_erasing(erasing, {32, 32}, draws);
            CHECK_FALSE((!box.noise || box.value != erasing.value));
            erased += box.box.height > 0;
        }
        if (p == 0.0) CHECK(erased == 0);
        if (p == 0.25) CHECK(std::abs(erased - 5'000) < 276);  // 4.5 deviations
        if (p == 1.0) CHECK(erased > 19'990);                  // hardly ever ten attempts fail
    }
}

TEST_CASE("numbers from a Poisson table are Poisson distributed") {
    for (const double rate : {0.3, 5.0, 40.0, 1000.0}) {
        CAPTURE(rate);
        const std::vector<uint32_t> table = poisson_table(rate);
        REQUIRE(std::ranges::is_sorted(table));
        Counts counts(table.size() + 1);
        for (uint32_t i = 0; i < draws_each; ++i) {
            const uint32_t word = random_word({.seed = 4, .sample = i}, 3);
            const int32_t number = poisson_number(table.data(), static_cast<int32_t>(table.size()), word);
            ++at(counts, number);
        }
        double chi_square = 0.0, freedom = -1.0, found = 0.0, expected = 0.0;
        for (size_t k = 0; k < counts.size(); ++k) {
            const double number = static_cast<double>(k);
            found += static_cast<double>(counts[k]);
            expected += draws_each * std::exp(number * std::log(rate) - rate - std::lgamma(number + 1));
            if (expected < 20.0) continue;
            chi_square += (found - expected) * (found - expected) / expected;
            freedom += 1.0;
            found = expected = 0.0;
        }
        const double spread = 2.0 / (9.0 * freedom);
        CHECK(chi_square < freedom * std::pow(1.0 - spread + 4.265 * std::sqrt(spread), 3.0));
    }
    const std::vector<uint32_t> table = poisson_table(5.0);
    const auto size = static_cast<int32_t>(table.size());
    CHECK(poisson_number(table.data(), size, 0) == 0);
    CHECK(poisson_number(table.data(), size, 0xFFFFFFFF) == size);
    for (int32_t k = 0; k < size; ++k) {
        const uint32_t entry = table[static_cast<size_t>(k)];
        CHECK(poisson_number(table.data(), size, entry - 1) == k);
        CHECK(poisson_number(table.data(), size, entry) == k + 1);
    }
}

TEST_CASE("numbers that fill erased boxes are the normal quantiles of their words") {
    double worst = 0.0;
    for (uint32_t i = 0; i < 0x800000; i += 37) {
        const uint32_t part = i < 200'000 ? i / 37 : i;  // every one of the last in the tail
        const double u = (2.0 * part + 1.0) * 0x1p-24;
        const float normal = finish::normal_from_word(part << 9);
        CHECK_FALSE(finish::normal_from_word((0x7FFFFF - part) << 9) != -normal);
        // How far off the number is: what its distribution function lacks, over the density.
        const double x = double{normal};
        const double density = std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
        worst = std::max(worst, std::abs(std::erfc(-x / std::sqrt(2.0)) / 2 - u) / density);
    }
    CHECK(worst < 3e-6);
}
