// The report of ptxas. Of each kernel it has:
//
//     ptxas info    : Compiling entry function '_Z…' for 'sm_75'
//     ptxas info    : Function properties for _Z…
//         0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
//     ptxas info    : Used 40 registers, used 1 barriers, 8192 bytes smem, 472 bytes cmem[0], 8 bytes cmem[2]
//
// Functions that are called rather than inlined have properties of their own between the two last lines; what
// they spill is the kernel's too.

#include "lab/resources/report/ptxas_report.h"

#include <fmt/format.h>

#include <optional>
#include <regex>
#include <sstream>

#include "kernels/error.h"

namespace vitrine::resources {
namespace {

class Parser {
  public:
    explicit Parser(const std::string& file) : file_(file) {}

    void read(const std::string& line) {
        ++line_number_;
        std::smatch match;
        if (std::regex_search(line, match, entry_)) {
            begin(match[1], std::stoi(match[2]));
        } else if (std::regex_search(line, match, properties_)) {
            if (kernel_) add_properties(match);
        } else if (std::regex_search(line, match, used_)) {
            add_used(line, std::stoi(match[1]));
        } else if (line.find("Compiling entry") != std::string::npos ||
                   line.find("spill") != std::string::npos) {
            fail("is not worded as expected");
        }
    }

    std::vector<KernelResources> finish() {
        if (kernel_) fail("ends in the middle of a kernel");
        return std::move(kernels_);
    }

  private:
    void begin(const std::string& symbol, int architecture) {
        if (kernel_) fail("begins a kernel before the last one has its registers");
        kernel_.emplace();
        kernel_->file = file_;
        kernel_->symbol = symbol;
        kernel_->architecture = architecture;
        has_properties_ = false;
    }

    void add_properties(const std::smatch& match) {
        kernel_->stack_bytes += std::stoi(match[1]);
        kernel_->spill_store_bytes += std::stoi(match[2]);
        kernel_->spill_load_bytes += std::stoi(match[3]);
        has_properties_ = true;
    }

    void add_used(const std::string& line, int registers) {
        if (!kernel_ || !has_properties_) fail("has registers of a kernel whose beginning is missing");
        kernel_->registers = registers;
        kernel_->barriers = number_before(line, barriers_);
        kernel_->shared_bytes = number_before(line, shared_);
        for (std::sregex_iterator i(line.begin(), line.end(), constant_), end; i != end; ++i) {
            kernel_->constant_bytes += std::stoi((*i)[1]);
        }
        kernels_.push_back(*kernel_);
        kernel_.reset();
    }

    static int number_before(const std::string& line, const std::regex& what) {
        std::smatch match;
        return std::regex_search(line, match, what) ? std::stoi(match[1]) : 0;
    }

    [[noreturn]] void fail(const char* problem) const {
        throw Error(fmt::format("the ptxas report of {}: line {} {}; delete the object and build again",
                                file_, line_number_, problem));
    }

    const std::regex entry_{R"(Compiling entry function '([^']+)' for 'sm_(\d+)[a-z]?')"};
    const std::regex properties_{
        R"((\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads)"};
    const std::regex used_{R"(: Used (\d+) registers)"};
    const std::regex barriers_{R"(used (\d+) barriers)"};
    const std::regex shared_{R"((\d+) bytes smem)"};
    const std::regex constant_{R"((\d+) bytes cmem\[)"};

    std::string file_;
    int line_number_ = 0;
    std::optional<KernelResources> kernel_;
    bool has_properties_ = false;
    std::vector<KernelResources> kernels_;
};

}  // namespace

std::vector<KernelResources> parse_ptxas_report(std::string_view text, const std::string& file) {
    Parser parser(file);
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) parser.read(line);
    return parser.finish();
}

}  // namespace vitrine::resources
