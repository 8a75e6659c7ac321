// The limits that every kernel of this build keeps, as its compiler reported them.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "lab/resources/report/build_report.h"
#include "tests/folders.h"
#include "tests/tools/program.h"

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

TEST_CASE("resources lists what is asked for, and says what there is where that is nothing") {
    const tests::TemporaryFolder folder;
    // A report as the compiler writes it, beside an object with nothing inside.
    std::ofstream(folder / "add.cu.o.ptxas")
        << "ptxas info    : 0 bytes gmem\n"
           "ptxas info    : Compiling entry function 'add_packs' for 'sm_75'\n"
           "ptxas info    : Function properties for add_packs\n"
           "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
           "ptxas info    : Used 20 registers, used 1 barriers, 8192 bytes smem, 472 bytes cmem[0]\n"
           "ptxas info    : Compiling entry function 'add_packs' for 'sm_90'\n"
           "ptxas info    : Function properties for add_packs\n"
           "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
           "ptxas info    : Used 22 registers, used 1 barriers, 8192 bytes smem, 472 bytes cmem[0]\n";
    std::ofstream(folder / "add.cu.o") << "";
    const std::string place = folder.path().string();

    const tests::Outcome chosen = tests::run("resources", {place, "--arch", "90", "--kernel", "add"});
    CAPTURE(chosen.err);
    CHECK(chosen.code == 0);
    CHECK(chosen.out.find("22") != std::string::npos);
    CHECK(chosen.last_line() == "1 kernels in 1 files; 0 of them spill registers");
    CHECK(tests::run("resources", {place}).last_line() == "2 kernels in 1 files; 0 of them spill registers");

    const tests::Outcome unread = tests::run("resources", {place, "--instructions"});
    CHECK(unread.code == 0);
    CHECK(unread.last_line().starts_with("add.cu: the instructions of 2 kernels cannot be read"));

    const auto refused = [&](const std::vector<std::string>& arguments, const std::string& part) {
        const tests::Outcome outcome = tests::run("resources", arguments);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.out.empty());
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK_MESSAGE(outcome.err.find(part) != std::string::npos, part);
    };
    refused({place, "--arch", "42"}, "--arch 42: the kernels in " + place + " were built for 75, 90");
    refused({place, "--arch", "0"}, "--arch 0: a whole number from 1 to 999 is needed");
    refused({place, "--arch", "sm_90"}, "--arch sm_90: a whole number");
    refused({place, "--kernel", "mul"}, "--kernel mul: no kernel has that in its name");
    refused({folder / "nothing"}, "there is no report of the CUDA compiler");
}

TEST_CASE("the table of resources can be printed") {
    if (!has_cuda()) return;
    CHECK(std::system((tests::built_programs().string() + "/resources --arch 90 > /dev/null").c_str()) == 0);
}

}  // namespace vitrine::resources
