// Reads what of an instruction tells its kind; tests/peers/compare_machine_code.py compares it with nvdisasm.
//
// NVIDIA does not document the encoding. What is needed of it, for 7.5 to 9.0 (the low word's bits 0–63, the high
// word's 64–127):
//
//     bits  0 …  8    the operation
//     bits 74 … 77    of MUFU: the function
//     bits 73 … 75    of a load or store: 0–1 a byte, 2–3 two bytes, 4 four, 5 eight, 6 sixteen
//     bits 34 … 81    of a branch: how far from the next instruction, in 4 bytes; from 9.0 on bits 16 … 23 are below those

#include "lab/resources/report/machine_code.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lab/resources/report/bytes.h"
#include "lab/resources/report/gpu_images.h"

namespace vitrine::resources {
namespace {

constexpr size_t instruction_bytes = 16;
constexpr std::string_view code_prefix = ".text.";

enum Operation : unsigned {
    ffma = 0x023,
    dfma = 0x02b,
    hmma = 0x03c,
    hgmma = 0x1f0,
    ldsm = 0x03b,
    nop = 0x118,
    barrier = 0x11d,
    branch = 0x147,
    ldg = 0x181,
    ldl = 0x183,
    lds = 0x184,
    stg = 0x186,
    stl = 0x187,
    sts = 0x188,
    ldgsts = 0x1ae,
    fchk = 0x102,  // whether the quick way to divide holds for these two floats
    mufu = 0x108,  // an approximation, such as of a reciprocal
};
constexpr unsigned reciprocal_of_double = 6;  // MUFU.RCP64H

struct Instruction {
    uint64_t low;
    uint64_t high;

    unsigned operation() const { return static_cast<unsigned>(low & 0x1FF); }
    unsigned function() const { return static_cast<unsigned>(high >> 10 & 0xF); }
    int bytes_moved() const {
        constexpr int of_code[]{1, 1, 2, 2, 4, 8, 16, 16};
        return of_code[high >> 9 & 7];
    }
    /// Of a branch: how many instructions it skips; −1 is the branch itself again.
    int64_t distance(int architecture) const {
        const uint64_t upper = low >> 34 | (high & 0x3FFFF) << 30;  // 48 bits
        const int64_t words = static_cast<int64_t>(upper << 16) >> 16;
        const int64_t fours =
            architecture >= 90 ? words * 256 + static_cast<int64_t>(low >> 16 & 0xFF) : words;
        return fours * 4 / static_cast<int64_t>(instruction_bytes);
    }
};

std::vector<Instruction> decode(std::string_view bytes) {
    std::vector<Instruction> code;
    for (size_t at = 0; at + instruction_bytes <= bytes.size(); at += instruction_bytes)
        code.push_back({*read<uint64_t>(bytes, at), *read<uint64_t>(bytes, at + 8)});
    return code;
}

/// What stands behind the end: a branch to itself, and instructions that fill up the memory.
bool is_filling(const Instruction& instruction, int architecture) {
    return instruction.operation() == nop ||
           (instruction.operation() == branch && instruction.distance(architecture) == -1);
}

int* kind_of(const Instruction& instruction, InstructionMix& mix) {
    switch (instruction.operation()) {
        case ffma:
        case dfma:
            return &mix.multiply_adds;
        case hmma:
        case hgmma:
            return &mix.tensor;
        case ldg:
            return &mix.global_loads;
        case stg:
            return &mix.global_stores;
        case ldgsts:
            return &mix.copies;
        case lds:
            return &mix.shared_loads;
        case sts:
            return &mix.shared_stores;
        case ldsm:
            return &mix.matrix_loads;
        case ldl:
        case stl:
            return &mix.local;
        case barrier:
            return &mix.barriers;
        default:
            return nullptr;
    }
}

/// Of the instructions first … last.
InstructionMix mix_of(const std::vector<Instruction>& code, size_t first, size_t last, int architecture) {
    InstructionMix mix;
    for (size_t i = first; i <= last && i < code.size(); ++i) {
        if (is_filling(code[i], architecture)) continue;
        ++mix.all;
        if (int* const kind = kind_of(code[i], mix)) ++*kind;
    }
    return mix;
}

struct Loop {
    size_t first;
    size_t last;  // the branch back

    bool holds(const Loop& other) const {
        return first <= other.first && other.last <= last && (first != other.first || last != other.last);
    }
};

std::vector<Loop> loops_of(const std::vector<Instruction>& code, int architecture) {
    std::vector<Loop> loops;
    for (size_t i = 0; i < code.size(); ++i) {
        if (code[i].operation() != branch) continue;
        const int64_t target = static_cast<int64_t>(i) + 1 + code[i].distance(architecture);
        if (target >= 0 && target < static_cast<int64_t>(i))
            loops.push_back({static_cast<size_t>(target), i});
    }
    return loops;
}

/// How many multiply-adds belong to divisions, which refine an approximation by them: five of floats, seven of doubles and an
/// FFMA that checks the quotient. (1 / x takes two or five; the three too many are of no weight beside products.)
int multiply_adds_of_divisions(const std::vector<Instruction>& code) {
    int count = 0;
    for (const Instruction& instruction : code) {
        if (instruction.operation() == fchk) count += 5;
        if (instruction.operation() == mufu && instruction.function() == reciprocal_of_double) count += 8;
    }
    return count;
}

/// A loop's instructions, without those of the loops in it.
std::vector<Instruction> own_code(const std::vector<Instruction>& code, const std::vector<Loop>& loops,
                                  const Loop& loop) {
    std::vector<Instruction> own;
    for (size_t i = loop.first; i <= loop.last; ++i) {
        const bool inner = std::ranges::any_of(loops, [&](const Loop& other) {
            return loop.holds(other) && other.first <= i && i <= other.last;
        });
        if (!inner) own.push_back(code[i]);
    }
    return own;
}

InstructionMix own_mix(const std::vector<Instruction>& code, const std::vector<Loop>& loops, const Loop& loop,
                       int architecture) {
    const std::vector<Instruction> own = own_code(code, loops, loop);
    return mix_of(own, 0, own.size(), architecture);
}

/// Null where nothing is repeated.
const Loop* main_loop_of(const std::vector<Instruction>& code, const std::vector<Loop>& loops,
                         int architecture) {
    // What is around a loop runs less often than the loop.
    constexpr int turns_of_inner_loops = 4;
    const Loop* best = nullptr;
    int most_products = 0, all_of_best = 0;
    for (const Loop& loop : loops) {
        const std::vector<Instruction> own = own_code(code, loops, loop);
        const InstructionMix mix = mix_of(own, 0, own.size(), architecture);
        const bool innermost = own.size() == loop.last - loop.first + 1;
        const int products = std::max(0, mix.multiply_adds + mix.tensor - multiply_adds_of_divisions(own)) /
                             (innermost ? 1 : turns_of_inner_loops);
        if (products < most_products || (products == most_products && mix.all <= all_of_best)) continue;
        most_products = products;
        all_of_best = mix.all;
        best = &loop;
    }
    return best;
}

InstructionMix tensor_loop_of(const std::vector<Instruction>& code, const std::vector<Loop>& loops,
                              const Loop& main_loop, int architecture) {
    InstructionMix best;
    for (const Loop& loop : loops) {
        if (!main_loop.holds(loop)) continue;
        const InstructionMix mix = own_mix(code, loops, loop, architecture);
        if (mix.tensor > best.tensor) best = mix;
    }
    return best;
}

}  // namespace

MachineCode machine_code_of(std::string_view instructions, int architecture) {
    const std::vector<Instruction> code = decode(instructions);
    MachineCode result;
    result.whole = mix_of(code, 0, code.size(), architecture);
    result.main_loop = result.whole;
    const std::vector<Loop> loops = loops_of(code, architecture);
    if (const Loop* const loop = main_loop_of(code, loops, architecture)) {
        result.main_loop = own_mix(code, loops, *loop, architecture);
        if (result.main_loop.tensor == 0)
            result.tensor_loop = tensor_loop_of(code, loops, *loop, architecture);
    }
    for (const Instruction& instruction : code) {
        const bool loads = instruction.operation() == ldg || instruction.operation() == ldgsts;
        if (loads) ++result.load_bytes[instruction.bytes_moved()];
    }
    return result;
}

std::map<std::pair<std::string, int>, MachineCode> machine_codes(std::string_view object) {
    std::map<std::pair<std::string, int>, MachineCode> codes;
    for (const GpuImage& image : gpu_images(object)) {
        for (const GpuSection& section : image.sections) {
            if (!section.name.starts_with(code_prefix)) continue;
            codes[{section.name.substr(code_prefix.size()), image.architecture}] =
                machine_code_of(section.bytes, image.architecture);
        }
    }
    return codes;
}

}  // namespace vitrine::resources
