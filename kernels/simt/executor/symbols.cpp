// Reading this program's own symbols: libelf for the symbol table, libdwfl for source lines.

#include "kernels/simt/executor/symbols.h"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "kernels/kernel_name.h"

namespace vitrine::simt {
namespace {

std::string demangled(const char* name) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(
        abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
    return status == 0 ? text.get() : name;
}

/// Paths inside the project are shown from its root, which this file's own path tells. What a compiler cache has from
/// another checkout lies elsewhere: there, the root is what holds the folders that have kernels.
std::string from_root(std::string_view path) {
    constexpr std::string_view self = __FILE__;
    constexpr std::string_view inside = "kernels/simt/executor/symbols.cpp";
    const std::string_view root = self.substr(0, self.size() - inside.size());
    if (path.starts_with(root)) return std::string(path.substr(root.size()));
    const size_t slash = std::min(path.find("/kernels/"), path.find("/tests/"));
    return std::string(slash == path.npos ? path : path.substr(slash + 1));
}

struct Line {
    std::string file;
    Dwarf_Word number;  // 0: the file is no file but an address

    std::string text() const { return number == 0 ? file : fmt::format("{}:{}", file, number); }
};

/// As source_line and source_way say it.
struct Place {
    std::string line;
    std::string way;
};

/// Of the lines from an access outwards. The last one lies in the function that was not inlined, as a rule the kernel.
Place place_of(const std::vector<Line>& lines) {
    auto kernels = std::ranges::find_if(lines, [](const Line& line) { return line.file.ends_with(".cu"); });
    if (kernels == lines.end()) kernels = std::ranges::find(lines, lines.back().file, &Line::file);
    if (kernels == lines.begin()) return {kernels->text(), kernels->text()};
    Place place{fmt::format("{} (called from {})", lines.front().text(), kernels->text()), kernels->text()};
    for (auto inner = kernels; inner != lines.begin();) {
        const std::string text = (--inner)->text();
        place.way += " > " + text.substr(text.rfind('/') + 1);
    }
    return place;
}

class DebugInformation {
  public:
    DebugInformation() : dwfl_(dwfl_begin(&callbacks())) {
        if (dwfl_ == nullptr) return;
        dwfl_linux_proc_report(dwfl_, getpid());
        dwfl_report_end(dwfl_, nullptr, nullptr);
    }
    ~DebugInformation() { dwfl_end(dwfl_); }
    DebugInformation(const DebugInformation&) = delete;
    DebugInformation& operator=(const DebugInformation&) = delete;

    /// A defect in a loop asks for one line again and again.
    const Place& place(uintptr_t address) {
        const std::lock_guard lock(mutex_);
        const auto [known, is_new] = places_.try_emplace(address);
        if (is_new) known->second = place_of(calls_at(address));
        return known->second;
    }

    /// Every report asks for its kernel's name, and finding one means searching the whole symbol table. Empty
    /// where there is none.
    std::string symbol(uintptr_t address) {
        const std::lock_guard lock(mutex_);
        const auto [known, is_new] = symbols_.try_emplace(address);
        if (is_new) known->second = find_symbol(address);
        return known->second;
    }

  private:
    std::string find_symbol(uintptr_t address) {
        if (dwfl_ == nullptr) return "";
        // Variables that begin as zeros lie behind the pages that are the program's file.
        const AddressRange program = program_range();
        Dwfl_Module* module = dwfl_addrmodule(dwfl_, program.holds(address) ? program.begin : address);
        const char* name = module == nullptr ? nullptr : dwfl_module_addrname(module, address);
        return name == nullptr ? "" : name;
    }

    /// The line of the code at an address, and the lines of the calls by which it was inlined there, the innermost
    /// first. Lines of the CUDA words themselves are left out.
    std::vector<Line> calls_at(uintptr_t address) {
        Dwfl_Line* found = dwfl_ == nullptr ? nullptr : dwfl_getsrc(dwfl_, address);
        int number = 0;
        const char* file =
            found == nullptr ? nullptr : dwfl_lineinfo(found, nullptr, &number, nullptr, nullptr, nullptr);
        if (file == nullptr) return {{fmt::format("{:#x}", address), 0}};
        const Line exact{from_root(file), static_cast<Dwarf_Word>(number)};
        std::vector<Line> lines{exact};
        add_callers(address, lines);
        std::erase_if(lines, [](const Line& line) { return line.file.starts_with("kernels/simt/"); });
        return lines.empty() ? std::vector{exact} : lines;
    }

    void add_callers(uintptr_t address, std::vector<Line>& lines) {
        Dwarf_Addr bias = 0;
        Dwarf_Die* unit = dwfl_addrdie(dwfl_, address, &bias);
        Dwarf_Files* files = nullptr;
        size_t file_count = 0;
        if (unit == nullptr || dwarf_getsrcfiles(unit, &files, &file_count) != 0) return;
        // The first call finds the innermost scope; what it says lies around that is where the inlined
        // function was defined. The second finds where it was put.
        Dwarf_Die* innermost = nullptr;
        if (dwarf_getscopes(unit, address - bias, &innermost) <= 0) return;
        const std::unique_ptr<Dwarf_Die, decltype(&std::free)> innermost_owner(innermost, std::free);
        Dwarf_Die* scopes = nullptr;
        const int count = dwarf_getscopes_die(innermost, &scopes);
        const std::unique_ptr<Dwarf_Die, decltype(&std::free)> scopes_owner(scopes, std::free);
        for (int i = 0; i < count; ++i) {
            if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine) continue;
            Dwarf_Attribute attribute;
            Dwarf_Word file = 0;
            Dwarf_Word line = 0;
            if (dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_file, &attribute), &file) != 0 ||
                dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_line, &attribute), &line) != 0) {
                continue;
            }
            if (const char* name = dwarf_filesrc(files, file, nullptr, nullptr); name != nullptr) {
                lines.push_back({from_root(name), line});
            }
        }
    }

    static const Dwfl_Callbacks& callbacks() {
        static Dwfl_Callbacks functions = [] {
            Dwfl_Callbacks result{};
            result.find_elf = dwfl_linux_proc_find_elf;
            result.find_debuginfo = dwfl_standard_find_debuginfo;
            return result;
        }();
        return functions;
    }

    std::mutex mutex_;
    Dwfl* dwfl_;
    std::unordered_map<uintptr_t, Place> places_;
    std::unordered_map<uintptr_t, std::string> symbols_;
};

DebugInformation& debug_information() {
    static DebugInformation information;
    return information;
}

/// A static variable of a function has a mangled name "_ZZ<function>E<variable>", and its guard "_ZGVZ…".
std::vector<SharedVariable> read_shared_variables(Elf* elf) {
    std::vector<SharedVariable> variables;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB) continue;
        Elf_Data* data = elf_getdata(section, nullptr);
        const size_t count = header.sh_size / header.sh_entsize;
        for (size_t i = 0; i < count; ++i) {
            GElf_Sym symbol;
            if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) continue;
            if (GELF_ST_TYPE(symbol.st_info) != STT_TLS || symbol.st_size == 0) continue;
            const char* mangled = elf_strptr(elf, header.sh_link, symbol.st_name);
            if (mangled == nullptr) continue;
            if (std::string_view(mangled).starts_with("_ZGVZ")) {
                variables.push_back({symbol.st_value, symbol.st_size, "", mangled});
                continue;
            }
            if (!std::string_view(mangled).starts_with("_ZZ")) continue;
            const std::string name = demangled(mangled);
            const size_t scope = name.rfind("::");
            variables.push_back({symbol.st_value, symbol.st_size,
                                 scope == std::string::npos ? name : name.substr(scope + 2), mangled});
        }
    }
    std::ranges::sort(variables, {}, &SharedVariable::offset);
    return variables;
}

struct ProgramImage {
    AddressRange range;
    AddressRange variables;
    AddressRange thread_locals;
};

/// The dynamic linker names the program itself first.
ProgramImage program_image() {
    ProgramImage image;
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* result) {
            ProgramImage& found = *static_cast<ProgramImage*>(result);
            found.range.begin = found.variables.begin = UINTPTR_MAX;
            for (int i = 0; i < info->dlpi_phnum; ++i) {
                const ElfW(Phdr)& part = info->dlpi_phdr[i];
                const uintptr_t begin = info->dlpi_addr + part.p_vaddr;
                if (part.p_type == PT_LOAD) {
                    found.range.begin = std::min(found.range.begin, begin);
                    found.range.end = std::max(found.range.end, begin + part.p_memsz);
                }
                if (part.p_type == PT_LOAD && (part.p_flags & PF_W) != 0) {
                    found.variables.begin = std::min(found.variables.begin, begin);
                    found.variables.end = std::max(found.variables.end, begin + part.p_memsz);
                }
                if (part.p_type == PT_TLS && info->dlpi_tls_data != nullptr) {
                    const uintptr_t data = reinterpret_cast<uintptr_t>(info->dlpi_tls_data);
                    found.thread_locals = {data, data + part.p_memsz};
                }
            }
            return 1;
        },
        &image);
    return image;
}

}  // namespace

std::string function_name(const void* function) {
    const auto address = reinterpret_cast<uintptr_t>(function);
    const std::string symbol = debug_information().symbol(address);
    return symbol.empty() ? fmt::format("{:#x}", address) : plain_kernel_name(symbol.c_str());
}

/// The variables of _Z<function> are _ZZ<function>E<variable>.
size_t static_shared_bytes(const void* kernel) {
    const std::string symbol = debug_information().symbol(reinterpret_cast<uintptr_t>(kernel));
    if (!symbol.starts_with("_Z")) return 0;
    const std::string begin = "_Z" + symbol.substr(1) + "E";
    size_t bytes = 0;
    for (const SharedVariable& variable : shared_variables()) {
        if (!variable.name.empty() && variable.symbol.starts_with(begin)) bytes += variable.bytes;
    }
    return bytes;
}

std::string source_line(uintptr_t return_address) {
    return debug_information().place(return_address - 1).line;
}

std::string source_way(uintptr_t return_address) { return debug_information().place(return_address - 1).way; }

std::string source_line(const std::source_location& location) {
    return fmt::format("{}:{}", from_root(location.file_name()), location.line());
}

const std::vector<SharedVariable>& shared_variables() {
    static const std::vector<SharedVariable> variables = [] {
        std::vector<SharedVariable> result;
        elf_version(EV_CURRENT);
        const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        if (file < 0) return result;
        if (Elf* elf = elf_begin(file, ELF_C_READ, nullptr); elf != nullptr) {
            result = read_shared_variables(elf);
            elf_end(elf);
        }
        close(file);
        return result;
    }();
    return variables;
}

AddressRange program_range() { return program_image().range; }

AddressRange program_variable_range() { return program_image().variables; }

AddressRange thread_local_range() { return program_image().thread_locals; }

}  // namespace vitrine::simt
