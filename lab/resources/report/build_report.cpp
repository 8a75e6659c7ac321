// Collects the reports of a build folder.

#include "lab/resources/report/build_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/input_file.h"
#include "lab/resources/report/block_sizes.h"
#include "lab/resources/report/machine_code.h"
#include "lab/resources/report/ptxas_report.h"

namespace vitrine::resources {
namespace {

namespace fs = std::filesystem;

/// add.cu of …/add.cu.o.ptxas
std::string source_of(const fs::path& report) { return report.stem().stem().string(); }

std::vector<fs::path> reports_below(const fs::path& folder) {
    std::vector<fs::path> reports;
    if (fs::is_directory(folder)) {
        for (const auto& entry : fs::recursive_directory_iterator(folder)) {
            if (entry.path().extension() == ".ptxas") reports.push_back(entry.path());
        }
    }
    std::ranges::sort(reports);
    return reports;
}

void add_report(const fs::path& path, BuildReport& report) {
    const std::string file = source_of(path);
    report.files.push_back(file);
    std::vector<KernelResources> kernels = parse_ptxas_report(read_file(path), file);
    fs::path object = path;
    const std::string bytes = read_file(object.replace_extension());
    const auto sizes = block_sizes(bytes);
    const auto codes = machine_codes(bytes);
    for (KernelResources& kernel : kernels) {
        const std::pair key(kernel.symbol, kernel.architecture);
        if (const auto size = sizes.find(key); size != sizes.end()) kernel.block_threads = size->second;
        if (const auto code = codes.find(key); code != codes.end()) kernel.code = code->second;
        report.kernels.push_back(std::move(kernel));
    }
}

}  // namespace

BuildReport read_build_report(const fs::path& folder) {
    BuildReport report;
    for (const fs::path& path : reports_below(folder)) add_report(path, report);
    if (folder.empty())
        throw Error(
            "this build has no cuda device, of which there would be a report: build with nvcc, or name the "
            "folder of such a build");
    if (report.files.empty()) {
        throw Error(
            fmt::format("{}: there is no report of the CUDA compiler; build the cuda device first, or "
                        "name the folder of its objects",
                        folder.string()));
    }
    std::ranges::sort(report.kernels, {}, [](const KernelResources& kernel) {
        return std::tuple(kernel.file, short_name(kernel.symbol), kernel.architecture);
    });
    return report;
}

}  // namespace vitrine::resources
