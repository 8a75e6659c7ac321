// The limits that every kernel of this build keeps, as its compiler reported them.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "tests/folders.h"
#include "tools/resources/report/build_report.h"

namespace vitrine::resources {
namespace {

namespace fs = std::filesystem;

/// Static shared memory that a kernel may have on every architecture.
constexpr int largest_shared_bytes = 48 * 1024;

/// Empty where this build has no cuda device.
const std::string objects = VITRINE_CUDA_OBJECTS;

bool has_cuda() {
    if (objects.empty()) MESSAGE("skipped: this build has no cuda device");
    return !objects.empty();
}

std::string about(const KernelResources& kernel) {
    return fmt::format("{}: {} on {}", kernel.file, short_name(kernel.symbol), kernel.architecture);
}

}  // namespace

TEST_CASE("the report covers every kernel file") {
    if (!has_cuda()) return;
    const BuildReport report = read_build_report(objects);
    for (const auto& entry : fs::directory_iterator(tests::repository() / "kernels" / "cuda")) {
        if (entry.path().extension() != ".cu") continue;
        const std::string file = entry.path().filename();
        CHECK_MESSAGE(std::ranges::count(report.files, file) == 1, file, " has no report");
    }
    std::set<int> architectures;
    for (const KernelResources& kernel : report.kernels) {
        architectures.insert(kernel.architecture);
        CHECK_MESSAGE(kernel.registers > 0, about(kernel));
        CHECK_MESSAGE(kernel.block_threads > 0, about(kernel), ": no __launch_bounds__ found");
    }
    CHECK(report.kernels.size() > 50);
    // Every kernel is there for every architecture.
    CHECK(report.kernels.size() % architectures.size() == 0);
}

TEST_CASE("no kernel spills registers") {
    if (!has_cuda()) return;
    for (const KernelResources& kernel : read_build_report(objects).kernels) {
        CHECK_MESSAGE(!kernel.spills(), about(kernel), " spills ", kernel.spill_store_bytes,
                      " bytes of stores and ", kernel.spill_load_bytes, " of loads");
    }
}

TEST_CASE("no kernel has more static shared memory than every GPU grants") {
    if (!has_cuda()) return;
    for (const KernelResources& kernel : read_build_report(objects).kernels) {
        CHECK_MESSAGE(kernel.shared_bytes <= largest_shared_bytes, about(kernel), " has ",
                      kernel.shared_bytes, " bytes");
    }
}

TEST_CASE("the table of resources can be printed") {
    if (!has_cuda()) return;
    CHECK(std::system((tests::built_programs().string() + "/resources --arch 90 > /dev/null").c_str()) == 0);
}

}  // namespace vitrine::resources
