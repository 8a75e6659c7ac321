// Memory of the simt device, as the program has it that loads this library: see memory.h.

#include "tests/vendor/stand_in/memory.h"

#include <cstdint>
#include <cstring>

#include "kernels/error.h"
#include "kernels/simt/executor/device_memory.h"

namespace vitrine::stand_in {

std::string wrong_device_memory(const void* memory, size_t bytes, size_t alignment, const std::string& what) {
    if (memory == nullptr) return what + " is null";
    if (reinterpret_cast<uintptr_t>(memory) % alignment != 0)
        return what + " is not aligned to " + std::to_string(alignment) + " bytes";
    try {
        simt::DeviceMemory::instance().require(memory, bytes, (what + " has").c_str());
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

std::string wrong_host_memory(const void* memory, const std::string& what) {
    if (memory == nullptr) return what + " is null";
    const bool of_device = simt::DeviceMemory::instance().contains(reinterpret_cast<uintptr_t>(memory));
    return of_device ? what + " lies in the device's memory, where the host's is wanted" : "";
}

bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes) {
    const auto first = reinterpret_cast<uintptr_t>(a), second = reinterpret_cast<uintptr_t>(b);
    return first < second + b_bytes && second < first + a_bytes;
}

void scribble(void* memory, size_t bytes) { std::memset(memory, 0xFF, bytes); }

}  // namespace vitrine::stand_in
