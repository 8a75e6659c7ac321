// What nvcc makes of tensor_core.h and of the products on it, for 7.5 and for 8.0: read in the PTX of tensor_products.cu.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/input_file.h"
#include "tests/cuda/ptx.h"

namespace vitrine::ptx {
namespace {

namespace fs = std::filesystem;

/// Empty where this build has no cuda device.
const std::string tensor_objects = VITRINE_TENSOR_OBJECTS;

bool has_ptx() {
    if (tensor_objects.empty()) MESSAGE("skipped: this build has no cuda device");
    return !tensor_objects.empty();
}

/// The kernels for a GPU, "sm_80".
Module kernels_for(const std::string& gpu) {
    for (const auto& entry : fs::recursive_directory_iterator(tensor_objects)) {
        if (entry.path().extension() != ".o") continue;
        const std::string object = read_file(entry.path());
        for (const std::string_view text : texts_in(object)) {
            if (text.find(".target " + gpu) != std::string_view::npos) return parse(text);
        }
    }
    FAIL("there is no PTX for ", gpu);
    return {};
}

/// How often each opcode that begins so stands in the kernel, by its whole name.
std::map<std::string, int> opcodes(const Function& kernel, const std::string& beginning) {
    std::map<std::string, int> counts;
    for (const Instruction& instruction : kernel.instructions) {
        std::string name;
        for (const std::string& part : instruction.opcode) name += (name.empty() ? "" : ".") + part;
        if (name.starts_with(beginning)) ++counts[name];
    }
    return counts;
}

std::vector<Function> kernels_named(const Module& module, const std::string& part) {
    std::vector<Function> found;
    std::ranges::copy_if(module.functions, std::back_inserter(found), [&](const Function& function) {
        return function.is_kernel && function.name.find(part) != std::string::npos;
    });
    return found;
}

using Counts = std::map<std::string, int>;

}  // namespace

TEST_CASE("each word for tensor cores is its instruction") {
    if (!has_ptx()) return;
    const Module module = kernels_for("sm_80");
    Counts products;
    for (const Function& kernel : kernels_named(module, "multiply_once")) {
        const Counts counts = opcodes(kernel, "mma");
        CHECK(counts.size() == 1);
        for (const auto& [name, count] : counts) products[name] += count;
    }
    CHECK(products == Counts{{"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 1},
                             {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 1},
                             {"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", 1},
                             {"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", 1}});
    REQUIRE(kernels_named(module, "load_once").size() == 1);
    CHECK(opcodes(kernels_named(module, "load_once")[0], "ldmatrix") ==
          Counts{{"ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16", 1},
                 {"ldmatrix.sync.aligned.m8n8.x4.shared.b16", 1}});
    REQUIRE(kernels_named(module, "copy_once").size() == 1);
    CHECK(opcodes(kernels_named(module, "copy_once")[0], "cp.async") ==
          Counts{{"cp.async.cg.shared.global", 1}, {"cp.async.commit_group", 1}, {"cp.async.wait_group", 1}});
}

TEST_CASE("before 8.0 there are products of f16 and copies that wait, and a trap in place of all else") {
    if (!has_ptx()) return;
    const Module module = kernels_for("sm_75");
    int traps = 0, products = 0;
    for (const Function& kernel : kernels_named(module, "multiply_once")) {
        traps += opcodes(kernel, "trap")["trap"];
        products += opcodes(kernel, "mma")["mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32"];
    }
    CHECK(traps == 2);
    CHECK(products == 3);  // of 8 k, and two for one of 16
    CHECK(opcodes(kernels_named(module, "copy_once").at(0), "cp.async").empty());
    CHECK(opcodes(kernels_named(module, "load_once").at(0), "ldmatrix").size() == 2);
}

TEST_CASE("products of floats are made by tensor cores, from loads of 16 bytes, in registers") {
    if (!has_ptx()) return;
    const Module module = kernels_for("sm_80");
    const std::vector<Function> products = kernels_named(module, "TensorTile");
    REQUIRE(products.size() == 3);
    for (const Function& kernel : products) {
        CAPTURE(kernel.name);
        CHECK(opcodes(kernel, "mma")["mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"] == 3 * 4 * 4);
        CHECK(opcodes(kernel, "ld.local").empty());
        CHECK(opcodes(kernel, "st.local").empty());
        const Counts wide = opcodes(kernel, "ld.global.v4");
        CHECK_FALSE(wide.empty());
        // Operands that come along k go through ldmatrix: both, one, and none of the two.
        const bool left = kernel.name.find("GemmConvOutput") != std::string::npos ||
                          kernel.name.find("GemmChainRule") != std::string::npos;
        const bool right = kernel.name.find("GemmConvOutput") != std::string::npos;
        Counts loads = opcodes(kernel, "ldmatrix");
        CHECK(loads["ldmatrix.sync.aligned.m8n8.x4.shared.b16"] == (left ? 4 : 0) + (right ? 2 : 0));
    }
}

}  // namespace vitrine::ptx
