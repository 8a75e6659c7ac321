// The machine that this program runs on.
#pragma once

#include <cstdint>
#include <string>

namespace vitrine::tools {

struct Machine {
    std::string cpu;  // its maker's name for it; empty where the system does not say
    int64_t cores = 0;
    int64_t memory_bytes = 0;
};

Machine this_machine();

}  // namespace vitrine::tools
