// A kernel's name as its source has it, from the name that the compiler gave it.
#pragma once

#include <cxxabi.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace vitrine {

/// "void vitrine::(anonymous namespace)::gemm<float>(float const*, int)", mangled or not -> "gemm<float>".
inline std::string plain_kernel_name(const char* symbol) {
    int status = 0;
    char* const text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
    std::string name = status == 0 ? text : symbol;
    std::free(text);
    constexpr std::string_view anonymous = "(anonymous namespace)::";
    for (size_t at = name.find(anonymous); at != std::string::npos; at = name.find(anonymous)) {
        name.erase(at, anonymous.size());
    }
    int depth = 0;
    size_t begin = 0;
    size_t end = 0;
    for (; end < name.size() && (depth != 0 || name[end] != '('); ++end) {
        if (name[end] == '<') ++depth;
        if (name[end] == '>') --depth;
        if (depth == 0 && (name[end] == ' ' || name[end] == ':')) begin = end + 1;
    }
    return name.substr(begin, end - begin);
}

}  // namespace vitrine
