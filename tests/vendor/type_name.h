// A type's name, to compare the stand-ins' headers with NVIDIA's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vitrine::tests {

/// As the compiler writes it, whichever namespace declares its parts.
template <class T>
std::string name_of() {
    const std::string_view all = __PRETTY_FUNCTION__;
    const size_t begin = all.find("T = ");
    std::string name(all.substr(begin, all.find_first_of(";]", begin) - begin));
    for (const std::string space = "stand_in::"; name.find(space) != std::string::npos;)
        name.erase(name.find(space), space.size());
    return name;
}

}  // namespace vitrine::tests
