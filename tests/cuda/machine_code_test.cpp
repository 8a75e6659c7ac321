// What the kernels' machine code is made of: how it is read, and what every build's must show.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "lab/resources/report/build_report.h"

namespace vitrine::resources {
namespace {

/// An instruction as nvcc 13.0 wrote it: the low and the high half.
using Words = std::array<uint64_t, 2>;

constexpr Words ffma{0x0000003b060fb223, 0x080fe40000000007};      // @!P3 FFMA R15, R6, R59, R7
constexpr Words load_128{0x000000000c087381, 0x000ee400001eed00};  // LDG.E.128.SYS R8, [R12]
constexpr Words load_64{0x00001006040e0981, 0x0014ee000c1e1b00};   // @P0 LDG.E.64 R14, desc[UR6][R4.64+0x10]
constexpr Words load_32{0x000000061c1c7981, 0x000ea6000c1e1900};   // LDG.E R28, desc[UR6][R28.64]
constexpr Words copy_128{0x0088000004137fae,
                         0x0005e2000e101c44};  // LDGSTS.E.BYPASS.128 [R19+0x880], desc[UR4][R4.64], !P4
constexpr Words shared_load{0x00004004ff1c7984, 0x000f280008000c00};  // LDS.128 R28, [UR4+0x40]
constexpr Words barrier{0x0000000000007b1d, 0x000fe20000010000};      // BAR.SYNC.DEFER_BLOCKING 0x0
constexpr Words exit{0x000000000000294d, 0x000fea0003800000};         // @P2 EXIT
// A division's check, by which fast code is left for slow: FCHK P0, R11, R4; of doubles: MUFU.RCP64H R5, R11
constexpr Words check_of_division{0x000000040b007302, 0x004e260000000000};
constexpr Words reciprocal_of_double{0x0000000b00057308, 0x005e220000001800};
constexpr Words reciprocal{0x0000000400057308, 0x004e240000001000};  // MUFU.RCP R5, R4
constexpr Words dfma{0x3ff000000a0e742b, 0x001fd00000000102};        // DFMA R14, -R10, R2, 1
constexpr Words hmma{0x0000003c4450723c, 0x042fec00000418ff};        // HMMA.16816.F32.BF16 R80, R68, R60, RZ
constexpr Words filling{0x0000000000007918, 0x000fc00000000000};     // NOP
// To the 25th instruction before the next one, and to itself.
constexpr Words back_by_25_on_75{0xfffffe7000000947, 0x000fea000383ffff};
constexpr Words back_by_25_on_90{0xfffffffc009c0947, 0x000fea000383ffff};
constexpr Words itself_on_75{0xfffffff000007947, 0x000fc0000383ffff};
constexpr Words itself_on_90{0xfffffffc00fc7947, 0x000fc0000383ffff};

void append(std::string& code, const Words& instruction, int times = 1) {
    for (int i = 0; i < times; ++i) code.append(reinterpret_cast<const char*>(instruction.data()), 16);
}

std::string loop_of_25(const Words& back, const Words& itself) {
    std::string code;
    append(code, load_64);
    append(code, load_32, 2);
    append(code, ffma, 20);  // the loop's first
    append(code, load_128);
    append(code, shared_load, 2);
    append(code, barrier);
    append(code, back);
    append(code, exit);
    append(code, itself);
    append(code, filling, 6);
    return code;
}

/// Empty where this build has no cuda device.
const std::string objects = VITRINE_CUDA_OBJECTS;

std::string about(const KernelResources& kernel) {
    return fmt::format("{}: {} on {}", kernel.file, short_name(kernel.symbol), kernel.architecture);
}

/// The kernels of the build whose name has this in it.
std::vector<KernelResources> kernels_with(const std::string& part) {
    std::vector<KernelResources> found;
    if (objects.empty()) {
        MESSAGE("skipped: this build has no cuda device");
        return found;
    }
    for (const KernelResources& kernel : read_build_report(objects).kernels) {
        if (short_name(kernel.symbol).find(part) != std::string::npos) found.push_back(kernel);
    }
    CHECK_MESSAGE(!found.empty(), "no kernel is named ", part);
    return found;
}

}  // namespace

TEST_CASE("a kernel's instructions are told by kind, and its main loop is found") {
    for (const int architecture : {75, 90}) {
        CAPTURE(architecture);
        const MachineCode code = architecture == 75
                                     ? machine_code_of(loop_of_25(back_by_25_on_75, itself_on_75), 75)
                                     : machine_code_of(loop_of_25(back_by_25_on_90, itself_on_90), 90);
        CHECK(code.whole.all == 29);
        CHECK(code.whole.global_loads == 4);
        CHECK(code.main_loop.all == 25);
        CHECK(code.main_loop.multiply_adds == 20);
        CHECK(code.main_loop.global_loads == 1);
        CHECK(code.main_loop.shared_loads == 2);
        CHECK(code.main_loop.barriers == 1);
        CHECK(code.main_loop.local == 0);
        CHECK(code.load_bytes == std::map<int, int>{{4, 2}, {8, 1}, {16, 1}});
    }
}

TEST_CASE("a copy from global into shared memory counts as a load of its bytes") {
    std::string code;
    append(code, copy_128, 2);
    append(code, exit);
    const MachineCode read = machine_code_of(code, 90);
    CHECK(read.whole.copies == 2);
    CHECK(read.whole.global_loads == 0);
    CHECK(read.load_bytes == std::map<int, int>{{16, 2}});
}

TEST_CASE("a kernel without a loop is its own main loop") {
    std::string code;
    append(code, load_32);
    append(code, ffma, 3);
    append(code, exit);
    append(code, itself_on_75);
    CHECK(machine_code_of(code, 75).main_loop.all == 5);
    CHECK(machine_code_of(code, 75).main_loop.multiply_adds == 3);
}

/// Of 9.0: to the instruction that is so many before the next one.
Words back_by(uint64_t instructions) {
    return {0xfffffffc00000947 | (256 - 4 * instructions) << 16, back_by_25_on_90[1]};
}

TEST_CASE(
    "a loop that holds another is the main one if it has four times its products, and without the other's") {
    const auto main_loop_with = [](int outer_products) {
        std::string code;
        append(code, ffma, outer_products);
        append(code, ffma, 2);  // the inner loop's first
        append(code, back_by(3));
        append(code, barrier);
        append(code, back_by(static_cast<uint64_t>(outer_products) + 5));
        append(code, exit);
        append(code, itself_on_90);
        return machine_code_of(code, 90).main_loop;
    };
    CHECK(main_loop_with(7).all == 3);
    CHECK(main_loop_with(7).multiply_adds == 2);
    CHECK(main_loop_with(12).all == 14);
    CHECK(main_loop_with(12).multiply_adds == 12);
    CHECK(main_loop_with(12).barriers == 1);
}

TEST_CASE("the loop of tensor cores is one in the main loop, which has none of their products") {
    const auto code_with = [](int outer_products) {
        std::string code;
        append(code, ffma, 12);
        append(code, hmma, outer_products);
        append(code, barrier);  // the inner loop's first
        append(code, hmma, 2);
        append(code, back_by(4));
        append(code, back_by(static_cast<uint64_t>(outer_products) + 17));
        append(code, exit);
        append(code, itself_on_90);
        return machine_code_of(code, 90);
    };
    CHECK(code_with(0).main_loop.multiply_adds == 12);
    CHECK(code_with(0).main_loop.all == 13);
    CHECK(code_with(0).tensor_loop.all == 4);
    CHECK(code_with(0).tensor_loop.tensor == 2);
    CHECK(code_with(1).main_loop.tensor == 1);
    CHECK(code_with(1).tensor_loop.all == 0);
}

TEST_CASE("a loop that divides is not the main loop for the multiply-adds of its divisions") {
    const auto with_loop_before = [](const auto& instructions_of_loop) {
        std::string code;
        instructions_of_loop(code);
        REQUIRE(code.size() == 24 * 16);
        append(code, back_by_25_on_90);
        return machine_code_of(code + loop_of_25(back_by_25_on_90, itself_on_90), 90).main_loop;
    };
    const auto of_floats = with_loop_before([](std::string& code) {
        append(code, check_of_division, 3);
        append(code, ffma, 21);
    });
    CHECK(of_floats.shared_loads == 2);
    const auto of_doubles = with_loop_before([](std::string& code) {
        append(code, reciprocal_of_double, 2);
        append(code, dfma, 20);
        append(code, ffma, 2);
    });
    CHECK(of_doubles.shared_loads == 2);
    const auto of_products = with_loop_before([](std::string& code) {
        append(code, reciprocal);
        append(code, ffma, 23);
    });
    CHECK(of_products.shared_loads == 0);
}

TEST_CASE("the main loop of a walk down an image is the one that goes from row to row") {
    for (const std::string walk : {"backward_rows<", "forward_rows<"}) {
        for (const KernelResources& kernel : kernels_with(walk)) {
            REQUIRE_MESSAGE(kernel.code, about(kernel));
            CHECK_MESSAGE(kernel.code->main_loop.barriers > 0, about(kernel));
            CHECK_MESSAGE(kernel.code->main_loop.shared_loads > 0, about(kernel));
            CHECK_MESSAGE(kernel.code->main_loop.global_loads > 0, about(kernel));
        }
    }
}

TEST_CASE("kernels for packs load 16 bytes at a time, or the 16-bit values of a pack of floats: 8") {
    for (const KernelResources& kernel : kernels_with("Pack<")) {
        REQUIRE_MESSAGE(kernel.code, about(kernel));
        const std::string name = short_name(kernel.symbol);
        const bool halves = name.find("Pack<float>, bf16>") != std::string::npos ||
                            name.find("Pack<float>, f16>") != std::string::npos;
        CHECK_MESSAGE(kernel.code->load_bytes.contains(halves ? 8 : 16), about(kernel));
    }
}

TEST_CASE("no fast kernel's main loop touches memory of a thread's own") {
    // The naive rungs pick one of a few words by a number that is known when they run.
    const std::set<std::string> naive{"drop_elements", "finish_elements"};
    for (const KernelResources& kernel : kernels_with("")) {
        const std::string name = short_name(kernel.symbol);
        if (!kernel.code || naive.contains(name.substr(0, name.find('<')))) continue;
        CHECK_MESSAGE(kernel.code->main_loop.local == 0, about(kernel));
    }
}

TEST_CASE("products by tensor cores multiply with them, from 8.0 on") {
    int with = 0;
    for (const KernelResources& kernel : kernels_with("gemm<TensorTile")) {
        REQUIRE_MESSAGE(kernel.code, about(kernel));
        if (kernel.architecture < 80) continue;
        ++with;
        CHECK_MESSAGE(kernel.code->main_loop.tensor > 0, about(kernel));
        CHECK_MESSAGE(kernel.code->main_loop.multiply_adds < kernel.code->main_loop.tensor, about(kernel));
    }
    if (!objects.empty()) CHECK(with > 0);
}

/// Of HalfTensorTile<down, across>: mma of a step, which is 32 k, 16 for each.
int products_of_step(const std::string& name) {
    int down = 0, across = 0;
    const std::string tile = "HalfTensorTile<";
    REQUIRE(std::sscanf(name.c_str() + name.find(tile) + tile.size(), "%d, %d", &down, &across) == 2);
    return down * across * 2;
}

TEST_CASE(
    "so do products of 16-bit values: a step's mma, of gradients in two terms twice; of f16 on 7.5 in "
    "halves") {
    int with = 0, in_two_terms = 0;
    for (const KernelResources& kernel : kernels_with("gemm<HalfTensorTile")) {
        REQUIRE_MESSAGE(kernel.code, about(kernel));
        const std::string name = short_name(kernel.symbol);
        const bool f16 =
            name.find("Pack<f16>") != std::string::npos || name.find("OfWindows<f16>") != std::string::npos;
        if (kernel.architecture < 80 && !f16) continue;
        ++with;
        const int terms = name.find("UpstreamSource<") != std::string::npos ? 2 : 1;
        in_two_terms += terms == 2;
        // Gathered windows have few k: the loop with the most multiply-adds is the epilogue's.
        const bool few_steps = name.find("GatheredLinesOfWindows") != std::string::npos;
        CHECK_MESSAGE((few_steps ? kernel.code->whole : kernel.code->main_loop).tensor ==
                          terms * products_of_step(name) * (kernel.architecture < 80 ? 2 : 1),
                      about(kernel));
    }
    if (!objects.empty()) {
        CHECK(with > in_two_terms);
        CHECK(in_two_terms > 0);
    }
}

TEST_CASE(
    "from 8.0 on, 16-bit matrices that are multiplied as they lie there are copied, and pass no register") {
    int with = 0;
    for (const KernelResources& kernel : kernels_with("gemm<HalfTensorTile")) {
        REQUIRE_MESSAGE(kernel.code, about(kernel));
        if (kernel.architecture < 80 || kernel.file != "linear.cu") continue;
        ++with;
        // A step is 32 k of 128 lines of A and 32, 64 or 96 of B: 512 packs of 8 values, and 128, 256 or 384, of 128 threads; the
        // 12 packs of a k of 96 lines are copied by 96 threads, 8 k at a time.
        const std::string name = short_name(kernel.symbol);
        const bool across_k = name.find("RowsOfDepth", name.find("Source<") + 1) != std::string::npos;
        const int lines = products_of_step(name) * 2;
        const int of_b = lines == 96 && across_k ? 4 : lines / 32;
        CHECK_MESSAGE(kernel.code->main_loop.copies == 4 + of_b, about(kernel));
        CHECK_MESSAGE(kernel.code->main_loop.global_loads == 0, about(kernel));
        CHECK_MESSAGE(kernel.code->main_loop.shared_stores == 0, about(kernel));
    }
    if (!objects.empty()) CHECK(with > 0);
}

}  // namespace vitrine::resources
