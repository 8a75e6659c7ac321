// Kernel names for people.

#include "lab/resources/report/kernel_resources.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace vitrine::resources {
namespace {

std::string demangled(const std::string& symbol) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(
        abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), std::free);
    return status == 0 ? name.get() : symbol;
}

void erase_all(std::string& text, std::string_view part) {
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at)) {
        text.erase(at, part.size());
    }
}

/// Cuts the parameters off: what stands in the last parentheses.
void cut_parameters(std::string& name) {
    if (!name.ends_with(')')) return;
    int depth = 0;
    for (size_t i = name.size(); i-- > 0;) {
        if (name[i] == ')') ++depth;
        if (name[i] == '(' && --depth == 0) {
            name.resize(i);
            return;
        }
    }
}

/// Of a template's name the demangler also tells the return type: what stands before a space outside of <>.
void cut_return_type(std::string& name) {
    int depth = 0;
    for (size_t i = 0; i < name.size(); ++i) {
        if (name[i] == '<') ++depth;
        if (name[i] == '>') --depth;
        if (name[i] == ' ' && depth == 0) {
            name.erase(0, i + 1);
            return;
        }
    }
}

}  // namespace

std::string short_name(const std::string& symbol) {
    std::string name = demangled(symbol);
    erase_all(name, "(anonymous namespace)::");
    erase_all(name, "vitrine::cuda::");
    erase_all(name, "vitrine::");
    cut_parameters(name);
    cut_return_type(name);
    return name;
}

}  // namespace vitrine::resources
