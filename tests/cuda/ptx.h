// Reads PTX, the portable form of GPU code, as far as its instructions and their operands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vitrine::ptx {

struct Instruction {
    int line;                           // of the text
    std::vector<std::string> opcode;    // {"ld", "global", "nc", "f32"}
    std::vector<std::string> operands;  // as they stand: "%rd1", "[%rd5+8]", "{%f1,%f2}"
};

/// A variable of a function or of the whole text.
struct Variable {
    std::string name;
    std::string space;  // "local", "shared", "global", "const", "param"
};

struct Function {
    std::string name;
    bool is_kernel;
    std::vector<std::string> parameters;
    std::vector<Variable> variables;
    std::vector<Instruction> instructions;
};

struct Module {
    std::vector<Variable> variables;
    std::vector<Function> functions;
};

/// Throws Error, naming the line, for a text that is not as nvcc writes it.
Module parse(std::string_view text);

/// The texts inside of an object file that nvcc has written with --no-compress.
std::vector<std::string_view> texts_in(std::string_view object);

}  // namespace vitrine::ptx
