// What the fast CUDA kernels may ask of a GPU's memory, at shapes of real models: counted by the executor, as
// in gradcheck --report.
//
// A budget that is exceeded shows the whole report of the call, the worst source lines first.

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "kernels/simt/executor/symbols.h"
#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/report/op_report.h"
#include "lab/gradcheck/report/render.h"

// With the address sanitizer nobody watches the kernels' accesses.
#ifndef __SANITIZE_ADDRESS__
namespace {

using namespace vitrine;
using namespace vitrine::gradcheck;

/// Sectors of 32 bytes a request, over the fewest that could hold what it asks for.
constexpr double most_sectors = 1.25;
/// Bytes moved, a sector counted once for each request that touches it, over the least that the op needs.
constexpr double most_bytes = 1.25;

struct FastKernel {
    std::string suite, kernel, implementation;
};

std::vector<ReportEntry> entries_of(const FastKernel& fast) {
    Selection selection;
    selection.kernel = [&](std::string_view kernel) { return kernel == fast.kernel; };
    selection.implementation = [&](std::string_view, std::string_view implementation) {
        return implementation == fast.implementation;
    };
    std::vector<ReportEntry> entries;
    for (const Suite& suite : all_suites()) {
        if (suite.op != fast.suite) continue;
        report_ops({suite}, selection, [&](const ReportEntry& entry) { entries.push_back(entry); });
    }
    return entries;
}

std::string whole_report(const ReportEntry& entry) {
    return "\n" + report_text(entry, gpu_from_name("h100"), /*lines=*/true);
}

void check_accesses(const FastKernel& fast, const std::vector<ReportEntry>& entries) {
    CAPTURE(fast.kernel);
    CAPTURE(fast.implementation);
    REQUIRE_MESSAGE(!entries.empty(), "no layer is taken by this implementation");
    for (const ReportEntry& entry : entries) {
        const TrafficTotals totals = totals_of(entry.launches);
        REQUIRE(totals.requests > 0);
        CHECK_MESSAGE(totals.passes == totals.ideal_passes, "bank conflicts: ", totals.passes, " passes for ",
                      totals.ideal_passes, whole_report(entry));
        CHECK_MESSAGE(totals.sector_ratio() <= most_sectors, "sectors a request: ", totals.sector_ratio(),
                      " times the ideal", whole_report(entry));
    }
}

void check_accesses(const std::vector<FastKernel>& kernels) {
    for (const FastKernel& fast : kernels) check_accesses(fast, entries_of(fast));
}

bool within_bytes_budget(const ReportEntry& entry) {
    return totals_of(entry.launches).bytes() <= most_bytes * entry.least.bytes();
}

}  // namespace

TEST_CASE("budgets: kernels that only move memory ask for whole sectors") {
    check_accesses({{"activation", "activation_forward", "packs"},
                    {"activation", "activation_backward", "packs"},
                    {"add", "add_forward", "packs"},
                    {"add", "add_backward", "elements"},
                    {"dropout", "dropout_forward", "packs"},
                    {"dropout", "dropout_backward", "packs"},
                    {"finish_images", "finish_images", "packs"},
                    {"sgd_update", "sgd_update", "packs"},
                    {"ema_update", "ema_update", "packs"},
                    {"l2_norm", "l2_norm", "packs"}});
}

TEST_CASE("budgets: augmentation by parts of images asks for less than by a block an image") {
    const std::vector<ReportEntry> parts =
                                       entries_of({"augment_images", "augment_images", "parts_of_images"}),
                                   blocks =
                                       entries_of({"augment_images", "augment_images", "block_an_image"});
    REQUIRE(parts.size() == 2);
    REQUIRE(blocks.size() == 2);
    for (size_t i = 0; i < parts.size(); ++i) {
        const TrafficTotals part = totals_of(parts[i].launches), block = totals_of(blocks[i].launches);
        CHECK_MESSAGE(part.requests < 0.65 * block.requests, "requests: ", part.requests, " for ",
                      block.requests, whole_report(parts[i]));
        CHECK_MESSAGE(part.bytes() < 0.75 * block.bytes(), "bytes moved: ", part.bytes(), " for ",
                      block.bytes(), whole_report(parts[i]));
    }
}

TEST_CASE("budgets: pools") {
    check_accesses({{"average_pool", "average_pool_forward", "packs"},
                    {"average_pool", "average_pool_backward", "packs"},
                    {"max_pool", "max_pool_forward", "packs"},
                    {"max_pool", "max_pool_backward", "packs"},
                    {"global_average_pool", "global_average_pool_forward", "packs"},
                    {"global_average_pool", "global_average_pool_backward", "packs"}});
}

TEST_CASE("budgets: batch norm and softmax") {
    check_accesses({{"batch_norm", "batch_norm_forward", "packs"},
                    {"batch_norm", "batch_norm_backward", "packs"},
                    {"softmax_cross_entropy", "softmax_cross_entropy_forward", "warps"},
                    {"softmax_cross_entropy", "softmax_cross_entropy_backward", "packs"}});
}

TEST_CASE("budgets: resolve reads and writes everything about once") {
    for (const FastKernel& fast : std::vector<FastKernel>{{"resolve", "resolve_forward", "packs"},
                                                          {"resolve", "resolve_backward", "packs"}}) {
        const std::vector<ReportEntry> entries = entries_of(fast);
        check_accesses(fast, entries);
        for (const ReportEntry& entry : entries) {
            CHECK_MESSAGE(within_bytes_budget(entry), "bytes moved: ", totals_of(entry.launches).bytes(),
                          " for ", entry.least.bytes(), whole_report(entry));
        }
    }
}

TEST_CASE("budgets: matrix products") {
    check_accesses({{"pointwise_conv", "pointwise_conv_forward", "register_tiled"},
                    {"pointwise_conv", "pointwise_conv_backward", "register_tiled"},
                    {"pointwise_conv", "pointwise_conv_forward", "tensor_cores"},
                    {"pointwise_conv", "pointwise_conv_backward", "tensor_cores"},
                    {"linear", "linear_forward", "register_tiled"},
                    {"linear", "linear_backward", "register_tiled"}});
}

TEST_CASE("budgets: both gradients of a pointwise convolution read everything once from memory") {
    // Parts of d_weight are an eighth of the bytes of one_pass, and at most half of those that a product of one_launch
    // reads.
    int counted = 0;
    for (const auto& [implementation, most_once] :
         std::vector<std::pair<std::string, double>>{{"one_pass", 1.2}, {"one_launch", 1.5}}) {
        const FastKernel fast{"pointwise_conv", "pointwise_conv_backward", implementation};
        const std::vector<ReportEntry> entries = entries_of(fast);
        check_accesses(fast, entries);
        for (const ReportEntry& entry : entries) {
            ++counted;
            const TrafficTotals totals = totals_of(entry.launches);
            CHECK_MESSAGE(totals.distinct_bytes() <= most_once * entry.least.bytes(),
                          "bytes, each sector once: ", totals.distinct_bytes(), " for ", entry.least.bytes(),
                          whole_report(entry));
            if (fast.implementation == "one_launch") continue;
            CHECK_MESSAGE(totals.bytes() <= 1.5 * entry.least.bytes(), "bytes moved: ", totals.bytes(),
                          " for ", entry.least.bytes(), whole_report(entry));
        }
    }
    CHECK(counted == 2 + 6);
}

TEST_CASE("budgets: an expansion's moments read the input once, from memory") {
    // The launches over all pixels: those beside them are over a few weights.
    for (const auto& [kernel, of_pixels] : std::vector<std::pair<std::string, std::string>>{
             {"expansion_moments_forward", "moment_sums"},
             {"expansion_moments_backward", "moment_input_gradient"}}) {
        const FastKernel fast{"expansion_moments", kernel, "tiled"};
        std::vector<ReportEntry> entries = entries_of(fast);
        std::erase_if(entries, [](const auto& entry) {
            // Of windows nothing but that is wanted.
            return entry.shape.ends_with("only d_expansion") ||
                   entry.shape.find("windows") != std::string::npos;
        });
        for (ReportEntry& entry : entries) {
            const TrafficTotals all = totals_of(entry.launches);
            CHECK_MESSAGE(all.distinct_bytes() <= 1.25 * entry.least.bytes(),
                          "bytes, each sector once: ", all.distinct_bytes(), " for ", entry.least.bytes(),
                          whole_report(entry));
            std::erase_if(entry.launches, [&name = of_pixels](const simt::LaunchReport& launch) {
                return launch.kernel.find(name) == std::string::npos;
            });
        }
        check_accesses(fast, entries);
    }
}

TEST_CASE("budgets: dense convolution") {
    check_accesses({{"dense_conv", "dense_conv_forward", "implicit_gemm"},
                    {"dense_conv", "dense_conv_backward", "implicit_gemm"}});
}

TEST_CASE("budgets: depthwise convolution reads and writes everything about once") {
    const FastKernel forward{"depthwise_conv", "depthwise_conv_forward", "rows"};
    const FastKernel backward{"depthwise_conv", "depthwise_conv_backward", "rows"};
    int counted = 0;
    for (const FastKernel& fast : {forward, backward}) {
        const std::vector<ReportEntry> entries = entries_of(fast);
        check_accesses(fast, entries);
        for (const ReportEntry& entry : entries) {
            const bool one_pass = fast.kernel == forward.kernel || entry.shape.ends_with("only d_x") ||
                                  entry.shape.ends_with("only d_weight");
            if (!one_pass || entry.shape.find("kernel 3x3") == std::string::npos) continue;
            ++counted;
            CHECK_MESSAGE(within_bytes_budget(entry), "bytes moved: ", totals_of(entry.launches).bytes(),
                          " for ", entry.least.bytes(), whole_report(entry));
        }
    }
    CHECK(counted == 3 * 7);
}

TEST_CASE("budgets: a depthwise convolution that gathers reads again and again, but whole sectors") {
    check_accesses({{"depthwise_conv", "depthwise_conv_forward", "gather"},
                    {"depthwise_conv", "depthwise_conv_backward", "gather"}});
}
#endif

// They come out of a thread's stack, of which the system gives 8 MiB.
TEST_CASE("the kernels' shared variables take less than 2 MiB of every OS thread") {
    const vitrine::simt::AddressRange range = vitrine::simt::thread_local_range();
    CHECK(range.end - range.begin > 0);
    CHECK(range.end - range.begin < size_t{2} << 20);
}
