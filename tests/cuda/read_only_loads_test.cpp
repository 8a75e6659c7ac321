// No kernel writes what it reads as read-only memory: read in the PTX of every kernel that nvcc compiles,
// where there is one.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/input_file.h"
#include "kernels/error.h"
#include "tests/cuda/ptx.h"
#include "tests/cuda/read_only_loads.h"
#include "tests/folders.h"

namespace vitrine::ptx {
namespace {

namespace fs = std::filesystem;

/// Empty where this build has no cuda device.
const std::string ptx_objects = VITRINE_PTX_OBJECTS;
const std::string planted_objects = VITRINE_PLANTED_OBJECTS;

bool has_ptx() {
    if (ptx_objects.empty()) MESSAGE("skipped: this build has no cuda device");
    return !ptx_objects.empty();
}

std::vector<fs::path> objects_below(const fs::path& folder) {
    std::vector<fs::path> objects;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.path().extension() == ".o") objects.push_back(entry.path());
    std::ranges::sort(objects);
    return objects;
}

ReadOnlyLoads check_object(const fs::path& path) {
    const std::string object = read_file(path);
    ReadOnlyLoads sum;
    for (const std::string_view text : texts_in(object)) {
        const ReadOnlyLoads found = check_read_only_loads(text);
        sum.kernels += found.kernels;
        sum.loads += found.loads;
        sum.problems.insert(sum.problems.end(), found.problems.begin(), found.problems.end());
    }
    return sum;
}

/// A kernel of two pointers and a count around the given instructions.
std::string kernel_of(const std::string& instructions) {
    return fmt::format(R"(.version 9.0
.target sm_75
.address_size 64
.visible .entry copy(
 .param .u64 copy_param_0,
 .param .align 8 .b8 copy_param_1[24]
)
.maxntid 256, 1, 1
{{
 .reg .pred %p<2>;
 .reg .b64 %rd<9>; // registers
 ld.param.u64 %rd1, [copy_param_0];
 ld.param.v2.u64 {{%rd2, %rd3}}, [copy_param_1+8];
 cvta.to.global.u64 %rd4, %rd1;
 cvta.to.global.u64 %rd5, %rd3;
{}
 ret;
}}
)",
                       instructions);
}

std::vector<std::string> problems_of(const std::string& instructions) {
    return check_read_only_loads(kernel_of(instructions)).problems;
}

}  // namespace

TEST_CASE("no kernel writes what it reads as read-only memory") {
    if (!has_ptx()) return;
    int loads = 0;
    std::vector<std::string> without;
    for (const fs::path& path : objects_below(ptx_objects)) {
        const ReadOnlyLoads found = check_object(path);
        loads += found.loads;
        if (found.kernels == 0) without.push_back(path.stem().stem());
        for (const std::string& problem : found.problems)
            CHECK_MESSAGE(false, path.stem().stem().string(), ": ", problem);
    }
    CHECK(loads > 100);
    // Every file with a kernel has its PTX here.
    for (const auto& entry : fs::recursive_directory_iterator(tests::repository() / "kernels/cuda")) {
        if (entry.path().extension() != ".cu") continue;
        const bool has_kernel = read_file(entry.path()).find("__global__") != std::string::npos;
        CAPTURE(entry.path());
        CHECK((!has_kernel || std::ranges::count(without, entry.path().stem().string()) == 0));
    }
}

TEST_CASE("what nvcc makes of planted mistakes is caught, and what is right is not") {
    if (!has_ptx()) return;
    ReadOnlyLoads found;
    for (const fs::path& path : objects_below(planted_objects))
        if (path.stem() == "planted_reads.cu") found = check_object(path);
    CHECK(found.kernels == 12);
    for (const char* wrong : {"wrong_moving_pointer", "wrong_same_parameter", "wrong_same_member",
                              "wrong_chosen_pointer", "wrong_indexed_member", "wrong_atomic", "wrong_table",
                              "wrong_shared_pointer", "wrong_global_variable", "wrong_number"}) {
        const bool caught = std::ranges::any_of(found.problems, [&](const std::string& problem) {
            return problem.find(wrong) != std::string::npos;
        });
        CHECK_MESSAGE(caught, wrong, " is not caught");
    }
    for (const std::string& problem : found.problems)
        CHECK_MESSAGE(problem.find("right_") == std::string::npos, problem);
}

TEST_CASE("read-only loads are followed to their parameters") {
    CHECK(problems_of(" ld.global.nc.f32 %f1, [%rd4+4];\n st.global.f32 [%rd5], %f1;").empty());
    CHECK(problems_of(" ld.global.nc.f32 %f1, [%rd4+4];\n st.global.f32 [%rd4], %f1;") ==
          std::vector<std::string>{
              "copy: line 16: reads param_0 as read-only memory, and line 17 writes through param_0"});
    CHECK(problems_of(" ld.global.nc.v2.f32 {%f1, %f2}, [%rd5];\n @!%p1 st.global.f32 [%rd5], %f1;") ==
          std::vector<std::string>{
              "copy: line 16: reads param_1+16 as read-only memory, and line 17 writes through param_1+16"});
    // Through arithmetic, a choice, and a loop.
    CHECK(problems_of(" add.s64 %rd6, %rd4, 16;\n$L:\n mov.u64 %rd7, %rd6;\n ld.global.nc.u8 %rs1, [%rd7];\n"
                      " selp.b64 %rd6, %rd7, %rd5, %p1;\n @%p1 bra $L;\n red.global.add.u32 [%rd5], %r1;")
              .size() == 1);
    // A product is no address, whatever it is made of.
    CHECK(
        problems_of(" mul.lo.s64 %rd6, %rd5, 4;\n add.s64 %rd7, %rd4, %rd6;\n ld.global.nc.f32 %f1, [%rd7];\n"
                    " st.global.f32 [%rd5], %f1;")
            .empty());
    // What is written by generic addresses, atomics and copies.
    for (const char* write :
         {"st.f32 [%rd1], %f1", "atom.add.u32 %r1, [%rd1], 1", "atom.global.cas.b32 %r1, [%rd4+8], 1, 2",
          "red.relaxed.gpu.global.add.f32 [%rd4], %f1", "st.global.cs.v4.f32 [%rd4], {%f1, %f1, %f1, %f1}"}) {
        CAPTURE(write);
        CHECK(problems_of(std::string(" ld.global.nc.f32 %f1, [%rd4];\n ") + write + ";").size() == 1);
    }
}

TEST_CASE("what cannot be followed is a problem, not a right kernel") {
    CHECK(problems_of(" ld.global.nc.f32 %f1, [%rd8];") ==
          std::vector<std::string>{
              "copy: line 16: the address that is read as read-only memory cannot be followed"});
    CHECK(problems_of(" ld.global.nc.f32 %f1, [%rd4];\n st.global.f32 [%rd8], %f1;").size() == 1);
    CHECK(problems_of(" ld.global.nc.f32 %f1, [%rd4];\n call.uni (retval0), helper, (param0);").size() == 1);
    CHECK_THROWS_AS(check_read_only_loads(".version 9.0\n.visible .entry copy(){ ld.global.nc.f32"), Error);
}

}  // namespace vitrine::ptx
