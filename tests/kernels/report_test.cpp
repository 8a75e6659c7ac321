// gradcheck's report, against what pencil and paper say.

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "engine/fusion.h"
#include "kernels/error.h"
#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"
#include "lab/gradcheck/report/model_report.h"
#include "lab/gradcheck/report/op_report.h"
#include "lab/gradcheck/report/render.h"

using namespace vitrine;
using namespace vitrine::gradcheck;

namespace {

// Accesses are not seen under the address sanitizer, and what asks for them is left out there.
#ifndef __SANITIZE_ADDRESS__
Problem addition(int64_t count) {
    Problem problem;
    problem.shape = "addition";
    problem.tensors = {{"a", Role::parameter, count, uniform("a", count)},
                       {"b", Role::parameter, count, uniform("b", count)},
                       {"y", Role::loss, count}};
    problem.forward = pass(&KernelTable::add_forward, [=](DType dtype, const Bindings& b) {
        return AddForward{dtype, count, b["a"], b["b"], b["y"]};
    });
    problem.backward = pass(&KernelTable::add_backward, [=](DType dtype, const Bindings& b) {
        return AddBackward{dtype, count, b["d_y"], b.gradient("d_a"), b.gradient("d_b")};
    });
    return problem;
}

std::vector<ReportEntry> report_of(const Problem& problem) {
    std::vector<ReportEntry> entries;
    report_problem(problem, {}, [&](const ReportEntry& entry) { entries.push_back(entry); });
    return entries;
}

const ReportEntry& entry_of(const std::vector<ReportEntry>& entries, std::string_view kernel,
                            std::string_view implementation, std::string_view shape) {
    for (const ReportEntry& entry : entries) {
        if (entry.kernel == kernel && entry.implementation == implementation && entry.shape == shape)
            return entry;
    }
    FAIL("no entry for " << kernel << " " << implementation << " [" << shape << "]");
    return entries.front();
}

std::vector<ReportEntry> step_of_basic_block_net(Fusion fusion) {
    set_fusion(fusion);
    std::vector<ReportEntry> entries =
        report_model({.model = "basic_block_net", .image_size = 8, .batch_size = 2, .classes = 10});
    set_fusion(Fusion::automatic);
    return entries;
}
#endif

simt::LineTraffic line(const char* where, bool shared, uint64_t actual, uint64_t ideal) {
    simt::LineTraffic traffic;
    traffic.where = where;
    traffic.shared = shared;
    traffic.requests = ideal;
    (shared ? traffic.passes : traffic.sectors) = actual;
    (shared ? traffic.ideal_passes : traffic.ideal_sectors) = ideal;
    return traffic;
}

}  // namespace

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("report: an addition of 1000 floats, by 250 threads of a pack each") {
    const std::vector<ReportEntry> entries = report_of(addition(1000));
    const ReportEntry& packs = entry_of(entries, "add_forward", "packs", "addition");
    CHECK(packs.least.bytes_read == 8000);
    CHECK(packs.least.bytes_written == 4000);
    CHECK(packs.least.flops == 0);
    const TrafficTotals totals = totals_of(packs.launches);
    CHECK(totals.launches == 1);
    CHECK(totals.requests ==
          24);  // two reads and a write of 8 warps, of which the last has 26 of 32 lanes at work
    CHECK(totals.partial == 3);
    CHECK(totals.partial_share() == doctest::Approx(3.0 / 24));
    CHECK(totals.sectors_read == 250);
    CHECK(totals.sectors_written == 125);
    CHECK(totals.ideal_sectors == 375);
    CHECK(totals.sector_ratio() == 1);
    CHECK(totals.asked_bytes_read == 8000);
    CHECK(totals.asked_bytes_written == 4000);
    CHECK(totals.bytes() == 12000);
    CHECK(totals.distinct_bytes() == 12000);
    CHECK(totals.barriers == 0);
    CHECK(totals.flops == 0);
}

TEST_CASE("report: an addition's gradients, all and alone") {
    const std::vector<ReportEntry> entries = report_of(addition(1024));
    const ReportEntry& both = entry_of(entries, "add_backward", "elements", "addition");
    CHECK(both.least.bytes() == 3 * 4096);
    CHECK(totals_of(both.launches).bytes() == 3 * 4096);
    const ReportEntry& alone = entry_of(entries, "add_backward", "elements", "addition, only d_b");
    CHECK(alone.least.bytes() == 2 * 4096);
    CHECK(totals_of(alone.launches).bytes() == 2 * 4096);
}

TEST_CASE("report: the naive product of a linear layer does its multiply-adds, and reads again and again") {
    const int64_t rows = 32, in = 24, out = 64;
    Problem problem;
    problem.shape = "linear";
    problem.tensors = {{"x", Role::parameter, rows * in, uniform("x", rows * in)},
                       {"weight", Role::parameter, out * in, uniform("weight", out * in)},
                       {"y", Role::loss, rows * out}};
    problem.forward = pass(&KernelTable::linear_forward, [=](DType dtype, const Bindings& b) {
        return LinearForward{dtype, rows, in, out, b["x"], b["weight"], nullptr, b["y"]};
    });
    const std::vector<ReportEntry> entries = report_of(problem);
    const ReportEntry& naive = entry_of(entries, "linear_forward", "naive", "linear");
    const double products = static_cast<double>(rows * in * out);
    CHECK(naive.least.flops == 2 * products);
    CHECK(naive.least.bytes() == 4 * static_cast<double>(rows * in + out * in + rows * out));
    const TrafficTotals totals = totals_of(naive.launches);
    CHECK(totals.flops == 2 * products);
    CHECK(totals.asked_bytes_read == 2 * 4 * products);  // an x and a weight for each multiply-add
    CHECK(totals.asked_bytes_written == 4 * static_cast<double>(rows * out));
    CHECK(totals.distinct_bytes() == naive.least.bytes());
}

TEST_CASE("report: of a step every call has its own launches and its own least cost") {
    const std::vector<ReportEntry> fused = step_of_basic_block_net(Fusion::automatic);
    // x, weight, bias, prologue, y and moments: 2 images of 8x8 pixels, 32 channels to 32.
    const double image = 2 * 64 * 32, channels = 32;
    const ReportEntry& conv = entry_of(fused, "dense_conv_forward", "", "8x8x32 k3 s1 prologue");
    CHECK(conv.times == 1);
    CHECK(conv.least.bytes_read == 4 * (image + 9 * 32 * 32 + channels + 2 * channels));
    CHECK(conv.least.bytes_written == 4 * (image + 2 * channels));
    CHECK(conv.least.flops == 2 * image * 9 * 32);
    // The norm behind it is none of its own.
    CHECK(conv.launches.size() == 1);
    CHECK(std::ranges::find(fused, "normalize_forward", &ReportEntry::kernel) == fused.end());
    // The sum of the normalised branch and the shortcut, and relu of it.
    const ReportEntry& sum = entry_of(fused, "resolve_forward", "", "8x8x32 normalised + whole");
    CHECK(sum.least.bytes() == 4 * (3 * image + 2 * channels));
    const ReportEntry& update = entry_of(fused, "sgd_update", "", "10,730 parameters in 12 tensors");
    // Momentum is there already: three arrays are read and two written, with the gaps between the tensors of the flat state.
    CHECK(update.least.bytes() >= 5 * 4 * 10730);
    CHECK(update.least.bytes() <= 5 * 4 * (10730 + 12 * 64));
}

TEST_CASE("report: a step's kernels, fused and not") {
    const auto kernels_of = [](const std::vector<ReportEntry>& entries) {
        std::set<std::string> kernels;
        for (const ReportEntry& entry : entries) {
            CHECK(!entry.launches.empty());
            CHECK(entry.least.bytes() > 0);
            kernels.insert(entry.kernel);
        }
        return kernels;
    };
    const auto fused = kernels_of(step_of_basic_block_net(Fusion::on));
    const auto unfused = kernels_of(step_of_basic_block_net(Fusion::off));
    const auto only_in = [](const std::set<std::string>& a, const std::set<std::string>& b) {
        std::set<std::string> only;
        std::ranges::set_difference(a, b, std::inserter(only, only.end()));
        return only;
    };
    CHECK(only_in(fused, unfused) == std::set<std::string>{"resolve_forward", "resolve_backward"});
    CHECK(only_in(unfused, fused) == std::set<std::string>{"batch_norm_forward", "batch_norm_backward",
                                                           "activation_forward", "activation_backward",
                                                           "add_forward"});
    CHECK(unfused.contains("decide_update"));
}
#endif

TEST_CASE("report: ratios and the worst lines") {
    simt::LaunchReport first, second;
    first.traffic = {line("a:1", false, 40, 40), line("b:2", true, 64, 32)};
    second.traffic = {line("a:1", false, 50, 40), line("c:3", true, 8, 8)};
    const TrafficTotals totals = totals_of({first, second});
    CHECK(totals.launches == 2);
    CHECK(totals.sector_ratio() == doctest::Approx(90.0 / 80));
    CHECK(totals.conflict_ratio() == doctest::Approx(72.0 / 40));
    CHECK(totals.bytes_read() == 90 * 32);
    const std::vector<simt::LineTraffic> lines = worst_lines({first, second});
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].where == "b:2");
    CHECK(lines[1].where == "a:1");
    CHECK(lines[1].sectors == 90);
    CHECK(lines[2].where == "c:3");
    CHECK(totals_of({}).sector_ratio() == 1);
    CHECK(totals_of({}).conflict_ratio() == 1);
}

TEST_CASE("report: the roofline takes the slower of operations and bytes") {
    const Gpu& h100 = gpu_from_name("h100");
    CHECK(roofline_seconds(h100, DType::f32, 67e12, 1) == doctest::Approx(1.0));
    CHECK(roofline_seconds(h100, DType::f32, 1, 3e12) == doctest::Approx(1.0));
    CHECK(std::string(roofline_bound(h100, DType::f32, 67e12, 1)) == "compute");
    const Gpu& t4 = gpu_from_name("t4");
    CHECK(roofline_seconds(t4, DType::f32, 8.1e12, 640e9) == doctest::Approx(2.0));
    CHECK(std::string(roofline_bound(t4, DType::f32, 8.1e12, 640e9)) == "memory");
    CHECK_THROWS_AS(gpu_from_name("voodoo2"), Error);
}

TEST_CASE("report: a launch of few blocks has few multiprocessors to run on") {
    const Gpu& h100 = gpu_from_name("h100");  // 132 of them
    CHECK(filled_share(h100, 1) == doctest::Approx(1.0 / 132));
    CHECK(filled_share(h100, 33) == doctest::Approx(0.25));
    CHECK(filled_share(h100, 132) == 1);
    CHECK(filled_share(h100, 133) == 1);
    CHECK(launch_seconds(h100, DType::f32, 1, 3e12, 33) == doctest::Approx(4.0));
    CHECK(launch_seconds(h100, DType::f32, 67e12, 1, 66) == doctest::Approx(2.0));
    CHECK(launch_seconds(h100, DType::f32, 67e12, 1, 1000) == doctest::Approx(1.0));
}

TEST_CASE("report: each launch's time is that of the multiprocessors that it fills") {
    // 300 MB take 100 us of the whole h100. A quarter of it is filled by the first launch, all of it by the second.
    simt::LaunchReport few, many;
    few.kernel = many.kernel = "read";
    few.grid = dim3(11, 3);
    many.grid = dim3(400);
    few.block = many.block = dim3(256);
    few.traffic = many.traffic = {line("a:1", false, 9'375'000, 9'375'000)};
    few.distinct_sectors_read = many.distinct_sectors_read = 9'375'000;
    ReportEntry entry{"add_forward", "", DType::f32, "made up", 1, {}, {few, many}};
    const auto object = nlohmann::json::parse(report_json(entry, gpu_from_name("h100"), /*lines=*/false));
    CHECK(object["all"]["seconds"].get<double>() == doctest::Approx(500e-6));
    CHECK(object["all"]["seconds_if_cached"].get<double>() == doctest::Approx(500e-6));
    REQUIRE(object["launched"].size() == 2);
    CHECK(object["launched"][0]["filled"].get<double>() == doctest::Approx(0.25));
    CHECK(object["launched"][0]["seconds"].get<double>() == doctest::Approx(400e-6));
    CHECK(object["launched"][1]["filled"].get<double>() == 1);
    const std::string text = report_text(entry, gpu_from_name("h100"), /*lines=*/false);
    CHECK(text.find("25%   400.00   400.00") != std::string::npos);
}

TEST_CASE("report: what a call costs at least counts what it needs and nothing else") {
    float some = 0;
    ConvBackward conv;
    conv.shape = {2, {8, 8}, 4, 6, {1, 1}, {1, 1}, {0, 0}, 1};
    const double x = 4 * 2 * 64 * 4, y = 4 * 2 * 64 * 6, weight = 4 * 24;
    conv.d_x = {&some, GradMode::write};
    CHECK(least_cost(conv).bytes() == y + weight + x);  // without x itself
    conv.d_x.mode = GradMode::accumulate;
    CHECK(least_cost(conv).bytes() == y + weight + 2 * x);
    conv.d_x = {};
    conv.d_weight = {&some, GradMode::write};
    CHECK(least_cost(conv).bytes() == y + x + weight);
    CHECK(least_cost(conv).flops == 2.0 * 2 * 64 * 24);
    conv.d_mean = conv.d_m2 = conv.mean = conv.y = &some;
    CHECK(least_cost(conv).bytes() == 2 * y + 3 * 4 * 6 + x + weight);

    // A shortcut's stride leaves three quarters of the pixels unread.
    ConvForward shortcut;
    shortcut.shape = {1, {8, 8}, 4, 4, {1, 1}, {2, 2}, {0, 0}, 1};
    CHECK(least_cost(shortcut).bytes() == 4 * (16 * 4 + 16 + 16 * 4));

    SgdUpdate update{.count = 10, .gradient = &some, .value = &some, .momentum_buffer = &some};
    CHECK(least_cost(update).bytes() == 4 * 10 * 5);
    update.first_step = true;
    CHECK(least_cost(update).bytes() == 4 * 10 * 4);
}
