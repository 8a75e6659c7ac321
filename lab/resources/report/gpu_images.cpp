// Each GPU architecture's code is an ELF image of its own with machine number 190 (EM_CUDA).

#include "lab/resources/report/gpu_images.h"

#include <elf.h>

#include <optional>

#include "lab/resources/report/bytes.h"

namespace vitrine::resources {
namespace {

constexpr int machine_cuda = 190;

std::string_view part_of(std::string_view bytes, size_t at, size_t size) {
    return at > bytes.size() ? std::string_view{} : bytes.substr(at, size);
}

/// The field moved when the format's version became 8 (CUDA 13).
int architecture_of(const Elf64_Ehdr& header) {
    const bool newer = header.e_ident[EI_ABIVERSION] >= 8;
    return static_cast<int>((newer ? header.e_flags >> 8 : header.e_flags) & 0xFF);
}

std::vector<GpuSection> sections_of(std::string_view image, const Elf64_Ehdr& header) {
    const auto section = [&](size_t index) {
        return read<Elf64_Shdr>(image, header.e_shoff + index * header.e_shentsize);
    };
    std::vector<GpuSection> sections;
    const auto names_section = section(header.e_shstrndx);
    if (!names_section) return sections;
    const std::string_view names = part_of(image, names_section->sh_offset, names_section->sh_size);
    for (size_t i = 0; i < header.e_shnum; ++i) {
        const auto found = section(i);
        if (!found || found->sh_type == SHT_NOBITS || found->sh_name >= names.size()) continue;
        const std::string_view name = names.substr(found->sh_name);
        sections.push_back(
            {std::string(name.substr(0, name.find('\0'))), part_of(image, found->sh_offset, found->sh_size)});
    }
    return sections;
}

}  // namespace

std::vector<GpuImage> gpu_images(std::string_view object) {
    std::vector<GpuImage> images;
    for (size_t begin = object.find(ELFMAG); begin != std::string_view::npos;
         begin = object.find(ELFMAG, begin + SELFMAG)) {
        const std::string_view image = object.substr(begin);
        const auto header = read<Elf64_Ehdr>(image, 0);
        if (!header || header->e_machine != machine_cuda) continue;
        images.push_back({architecture_of(*header), sections_of(image, *header)});
    }
    return images;
}

}  // namespace vitrine::resources
