// Finds the GPU's machine code in an object: uncompressed, it is ELF inside of ELF.
//
// Each GPU architecture's code is an ELF image of its own with machine number 190 (EM_CUDA). For every kernel
// it has a section .nv.info.SYMBOL of attributes: {u8 format, u8 attribute, u16 value}, and with format 4
// `value` more bytes. Attribute 5 (EIATTR_MAX_THREADS) is the largest block as three 32-bit numbers: x, y, z.

#include "lab/resources/report/block_sizes.h"

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <optional>

namespace vitrine::resources {
namespace {

constexpr int machine_cuda = 190;
constexpr unsigned char format_sized = 4;
constexpr unsigned char attribute_max_threads = 5;
constexpr std::string_view info_prefix = ".nv.info.";

template <class T>
std::optional<T> read(std::string_view bytes, size_t at) {
    if (at > bytes.size() || bytes.size() - at < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

std::string_view part_of(std::string_view bytes, size_t at, size_t size) {
    return at > bytes.size() ? std::string_view{} : bytes.substr(at, size);
}

/// 75 for compute capability 7.5. The field moved when the format's version became 8 (CUDA 13).
int architecture_of(const Elf64_Ehdr& header) {
    const bool newer = header.e_ident[EI_ABIVERSION] >= 8;
    return static_cast<int>((newer ? header.e_flags >> 8 : header.e_flags) & 0xFF);
}

std::optional<int> max_threads(std::string_view attributes) {
    for (size_t at = 0; at + 4 <= attributes.size();) {
        const auto format = static_cast<unsigned char>(attributes[at]);
        const auto attribute = static_cast<unsigned char>(attributes[at + 1]);
        const uint16_t value = *read<uint16_t>(attributes, at + 2);
        at += 4;
        if (format != format_sized) continue;
        if (attribute == attribute_max_threads) {
            const auto x = read<uint32_t>(attributes, at), y = read<uint32_t>(attributes, at + 4),
                       z = read<uint32_t>(attributes, at + 8);
            if (x && y && z) return static_cast<int>(*x * *y * *z);
        }
        at += value;
    }
    return std::nullopt;
}

}  // namespace

std::map<std::pair<std::string, int>, int> block_sizes(std::string_view object) {
    std::map<std::pair<std::string, int>, int> sizes;
    for (size_t begin = object.find(ELFMAG); begin != std::string_view::npos;
         begin = object.find(ELFMAG, begin + SELFMAG)) {
        const std::string_view image = object.substr(begin);
        const auto header = read<Elf64_Ehdr>(image, 0);
        if (!header || header->e_machine != machine_cuda) continue;
        const auto section = [&](size_t index) {
            return read<Elf64_Shdr>(image, header->e_shoff + index * header->e_shentsize);
        };
        const auto names_section = section(header->e_shstrndx);
        if (!names_section) continue;
        const std::string_view names = part_of(image, names_section->sh_offset, names_section->sh_size);
        for (size_t i = 0; i < header->e_shnum; ++i) {
            const auto found = section(i);
            if (!found || found->sh_name >= names.size()) continue;
            const std::string name(names.substr(found->sh_name, names.substr(found->sh_name).find('\0')));
            if (!name.starts_with(info_prefix)) continue;
            if (const auto threads = max_threads(part_of(image, found->sh_offset, found->sh_size)))
                sizes[{name.substr(info_prefix.size()), architecture_of(*header)}] = *threads;
        }
    }
    return sizes;
}

}  // namespace vitrine::resources
