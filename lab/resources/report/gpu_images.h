// The GPU's machine code inside an object file: uncompressed, it is ELF inside of ELF.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vitrine::resources {

struct GpuSection {
    std::string name;
    std::string_view bytes;  // of the object that was given
};

/// All that an object has for one GPU architecture.
struct GpuImage {
    int architecture = 0;  // 75 for compute capability 7.5
    std::vector<GpuSection> sections;
};

/// Finds nothing in an object whose machine code is compressed. The sections are parts of `object`.
std::vector<GpuImage> gpu_images(std::string_view object);

}  // namespace vitrine::resources
