// Where addresses come from: a flow of values through registers, without regard to the order of instructions,
// until nothing new is found.

#include "tests/cuda/read_only_loads.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <compare>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "lab/resources/report/kernel_resources.h"
#include "tests/cuda/ptx.h"

namespace vitrine::ptx {
namespace {

/// Where a value may come from.
struct Origin {
    std::string name;  // of a parameter or a variable
    int offset = 0;    // in a parameter; -1: somewhere
    int loads =
        0;  // how many times what lies there is loaded to get the value; 0: the variable's own address

    auto operator<=>(const Origin&) const = default;
};
using Origins = std::set<Origin>;

/// A pointer of a pointer of … is not told apart any further.
constexpr int most_loads = 4;

bool may_be_same(const Origin& a, const Origin& b) {
    const bool same_offset = a.offset == b.offset || a.offset < 0 || b.offset < 0;
    return a.name == b.name && a.loads == b.loads && same_offset;
}

std::string shown(const Origin& origin) {
    std::string text = origin.loads > 0 ? std::string(static_cast<size_t>(origin.loads - 1), '*') : "&";
    text += origin.name.substr(std::min(origin.name.size(), origin.name.rfind("_param_") + 1));
    if (origin.offset > 0) text += fmt::format("+{}", origin.offset);
    return origin.offset < 0 ? text + "+?" : text;
}

std::string shown(const Origins& origins) {
    std::string text;
    for (const Origin& origin : origins) text += (text.empty() ? "" : ", ") + shown(origin);
    return text;
}

bool has(const Instruction& instruction, std::string_view part) {
    return std::ranges::any_of(instruction.opcode, [&](const std::string& have) {
        return have == part || have.starts_with(std::string(part) + "::");
    });
}

bool is(const Instruction& instruction, std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, instruction.opcode.front()) != names.end();
}

bool is_wide_integer(const Instruction& instruction) {
    const std::string& type = instruction.opcode.back();
    return type == "u64" || type == "s64" || type == "b64" || type == "b128";
}

/// "{%r1,%r2}" or "%r1|%p1" as its registers.
std::vector<std::string> registers_of(std::string_view operand) {
    std::vector<std::string> registers(1);
    for (const char c : operand) {
        if (c == ',' || c == '|') {
            registers.emplace_back();
        } else if (c != '{' && c != '}') {
            registers.back() += c;
        }
    }
    return registers;
}

struct Address {
    std::string base;
    int offset = 0;
};

/// Of "[%rd1+8]" or "[name]".
Address address_of(std::string_view operand) {
    if (operand.starts_with('[')) operand = operand.substr(1, operand.size() - 2);
    const size_t sign = operand.find_first_of("+-", 1);
    Address address{std::string(operand.substr(0, sign)), 0};
    if (sign == std::string_view::npos) return address;
    const char* begin = operand.data() + sign + (operand[sign] == '+' ? 1 : 0);
    std::from_chars(begin, operand.data() + operand.size(), address.offset);
    return address;
}

class Flow {
  public:
    Flow(const Module& module, const Function& kernel) : kernel_(kernel) {
        for (const Variable& variable : module.variables) variables_[variable.name] = variable.space;
        for (const Variable& variable : kernel.variables) variables_[variable.name] = variable.space;
        for (const std::string& parameter : kernel.parameters) variables_[parameter] = "param";
        do {
            changed_ = false;
            for (const Instruction& instruction : kernel.instructions) follow(instruction);
        } while (changed_);
    }

    /// Of the address that an instruction loads from or writes to.
    Origins of_address(const Instruction& instruction, size_t operand) const {
        return of(address_of(instruction.operands.at(operand)).base);
    }

  private:
    Origins of(const std::string& name) const {
        if (const auto found = values_.find(name); found != values_.end()) return found->second;
        if (variables_.contains(name)) return {Origin{name}};
        return {};
    }

    void add(const std::string& target, const Origins& origins) {
        if (origins.empty()) return;
        Origins& known = values_[target];
        const size_t before = known.size();
        known.insert(origins.begin(), origins.end());
        changed_ = changed_ || known.size() != before;
    }

    void follow(const Instruction& instruction) {
        if (is(instruction, {"ld", "ldu"})) return follow_load(instruction);
        if (is(instruction, {"st"})) return follow_store(instruction);
        // What else hands an address on, with something added or chosen. (The last operand of a multiply-add
        // is what is added.)
        if (is(instruction, {"mad"})) return hand_on(instruction, 3);
        if (is(instruction, {"mov", "add", "sub", "cvta", "cvt", "selp", "slct", "min", "max", "and", "or",
                             "xor", "lop3", "prmt", "shfl", "bfi", "addc", "subc", "createpolicy"}))
            hand_on(instruction, 1);
    }

    void hand_on(const Instruction& instruction, size_t first) {
        for (size_t i = first; i < instruction.operands.size(); ++i) {
            for (const std::string& source : registers_of(instruction.operands[i])) {
                const Origins origins = of(source);
                for (const std::string& target : registers_of(instruction.operands[0])) add(target, origins);
            }
        }
    }

    /// What lies at a parameter's place, and then what lies where that points to.
    void follow_load(const Instruction& instruction) {
        if (!is_wide_integer(instruction)) return;
        const Address address = address_of(instruction.operands.at(1));
        int offset = address.offset;
        for (const std::string& target : registers_of(instruction.operands[0])) {
            if (has(instruction, "shared") || has(instruction, "local")) {
                add(target, of(instruction.opcode[1]));
            } else {
                add(target, loaded(of(address.base), variables_.contains(address.base), offset));
            }
            offset += 8;
        }
    }

    /// At `offset` from there if the address is the place itself, else somewhere.
    Origins loaded(const Origins& places, bool is_place, int offset) const {
        Origins result;
        for (Origin origin : places) {
            const bool in_parameter = origin.loads == 0 && variable_space(origin.name) == "param";
            if (in_parameter) origin.offset = is_place ? offset : -1;
            if (origin.loads < most_loads) ++origin.loads;
            result.insert(origin);
        }
        return result;
    }

    std::string variable_space(const std::string& name) const {
        const auto found = variables_.find(name);
        return found == variables_.end() ? "" : found->second;
    }

    /// Shared and local memory are one place each, named by their space.
    void follow_store(const Instruction& instruction) {
        if (!is_wide_integer(instruction)) return;
        for (const std::string& source : registers_of(instruction.operands.at(1))) {
            const Origins origins = of(source);
            if (!has(instruction, "global") && !has(instruction, "local")) add("shared", origins);
            if (!has(instruction, "global") && !has(instruction, "shared")) add("local", origins);
        }
    }

    const Function& kernel_;
    std::unordered_map<std::string, std::string> variables_;  // name -> space
    std::unordered_map<std::string, Origins> values_;         // of registers, and of memory by its space
    bool changed_ = false;
};

bool is_read_only_load(const Instruction& instruction) {
    return (is(instruction, {"ld"}) && has(instruction, "nc")) || is(instruction, {"ldu"});
}

/// Which operand of an instruction that may write global memory is the address.
std::optional<size_t> written_operand(const Instruction& instruction) {
    const bool elsewhere =
        has(instruction, "shared") || has(instruction, "local") || has(instruction, "param");
    if (is(instruction, {"cp"})) return has(instruction, "global") ? std::optional<size_t>(0) : std::nullopt;
    if (elsewhere) return std::nullopt;
    if (is(instruction, {"st", "red", "multimem"})) return 0;
    if (is(instruction, {"atom"})) return 1;
    return std::nullopt;
}

/// Addresses of shared and local variables, which a generic access may be to, are no global memory.
Origins in_global_memory(Origins origins, const std::set<std::string>& own_variables) {
    std::erase_if(origins, [&](const Origin& origin) {
        return origin.loads == 0 && own_variables.contains(origin.name);
    });
    return origins;
}

void check(const Module& module, const Function& kernel, ReadOnlyLoads& result) {
    const auto loads = std::ranges::count_if(kernel.instructions, is_read_only_load);
    result.loads += static_cast<int>(loads);
    if (loads == 0) return;
    const auto complain = [&](const Instruction& instruction, const std::string& what) {
        result.problems.push_back(
            fmt::format("{}: line {}: {}", resources::short_name(kernel.name), instruction.line, what));
    };
    const Flow flow(module, kernel);
    std::set<std::string> own;
    for (const Variable& variable : kernel.variables)
        if (variable.space != "global") own.insert(variable.name);
    std::map<Origin, int> written;  // with the line
    for (const Instruction& instruction : kernel.instructions) {
        if (is(instruction, {"call"}))
            complain(instruction, "a function is called, which cannot be followed");
        const auto operand = written_operand(instruction);
        if (!operand) continue;
        const Origins all = flow.of_address(instruction, *operand);
        const Origins origins = in_global_memory(all, own);
        if (all.empty()) complain(instruction, "the address that is written cannot be followed");
        for (const Origin& origin : origins) written.emplace(origin, instruction.line);
    }
    for (const Instruction& instruction : kernel.instructions) {
        if (!is_read_only_load(instruction)) continue;
        const Origins origins = flow.of_address(instruction, 1);
        if (origins.empty())
            complain(instruction, "the address that is read as read-only memory cannot be followed");
        for (const Origin& origin : origins) {
            const auto same = std::ranges::find_if(
                written, [&](const auto& write) { return may_be_same(write.first, origin); });
            if (same == written.end()) continue;
            complain(instruction, fmt::format("reads {} as read-only memory, and line {} writes through {}",
                                              shown(origins), same->second, shown(same->first)));
            break;
        }
    }
}

}  // namespace

ReadOnlyLoads check_read_only_loads(std::string_view ptx) {
    const Module module = parse(ptx);
    ReadOnlyLoads result;
    for (const Function& function : module.functions) {
        if (function.is_kernel) {
            ++result.kernels;
            check(module, function, result);
        } else if (std::ranges::any_of(function.instructions, is_read_only_load)) {
            result.problems.push_back(
                function.name + ": a function that is called reads read-only memory: cannot be followed");
        }
    }
    return result;
}

}  // namespace vitrine::ptx
