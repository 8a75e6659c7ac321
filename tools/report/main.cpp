// report: the page of a run, or of several on shared axes. See README.md.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "engine/atomic_file.h"
#include "tools/common/run_program.h"
#include "tools/report/report.h"
#include "tools/report/run_files.h"

namespace vitrine::report {
namespace {

int run(int argc, char** argv) {
    CLI::App app{"Writes a run's report.html anew, or one page that compares several runs"};
    std::vector<std::filesystem::path> folders;
    std::filesystem::path out;
    app.add_option("RUN", folders, "folders of runs, as train wrote them")->required();
    app.add_option("--out", out,
                   "the page's file [report.html in the run's folder; with several runs, report.html here]");
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp& help) {
        return app.exit(help);
    }
    const std::string html = report_html(read_runs(folders));
    if (out.empty()) out = folders.size() == 1 ? folders.front() / "report.html" : "report.html";
    write_atomically(out, {html});
    std::cout << out.string() << '\n';
    return 0;
}

}  // namespace
}  // namespace vitrine::report

int main(int argc, char** argv) {
    return vitrine::tools::run_program("report", [&] { return vitrine::report::run(argc, argv); });
}
