// The largest block of each kernel (__launch_bounds__), from the machine code inside an object file.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace vitrine::resources {

/// (kernel's symbol, architecture) → threads. Finds nothing in an object whose machine code is compressed.
std::map<std::pair<std::string, int>, int> block_sizes(std::string_view object);

}  // namespace vitrine::resources
