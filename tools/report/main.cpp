// report: the page of a run, or of several on shared axes. See README.md.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "engine/atomic_file.h"
#include "engine/escape.h"
#include "tools/common/output_file.h"
#include "tools/common/run_program.h"
#include "tools/report/report.h"
#include "tools/report/run_files.h"

namespace vitrine::report {
namespace {

namespace fs = std::filesystem;

/// All that a run has left, but for its pages.
std::vector<fs::path> files_of(const fs::path& run) {
    std::vector<fs::path> files;
    std::error_code failure;
    for (fs::recursive_directory_iterator entry(run, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        if (entry->path().extension() != ".html") files.push_back(entry->path());
    }
    return files;
}

int run(int argc, char** argv) {
    CLI::App app{"Writes a run's report.html anew, or one page that compares several runs"};
    std::vector<fs::path> folders;
    std::string out;
    app.add_option("RUN", folders, "folders of runs, as train wrote them")->required();
    app.add_option("--out", out,
                   "the page's file [report.html in the run's folder; with several runs, report.html here]");
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp& help) {
        return app.exit(help);
    }
    const std::vector<RunFiles> runs = read_runs(folders);
    const bool own_page = app.count("--out") == 0 && folders.size() == 1;
    if (app.count("--out") == 0) out = own_page ? folders.front() / "report.html" : "report.html";
    tools::check_output_file("--out", out);
    for (const fs::path& folder : folders) tools::refuse_input_as_output("--out", out, files_of(folder));
    const std::string html = report_html(runs);
    write_atomically(out, {html}, own_page ? Links::refuse : Links::follow);
    std::cout << escape(out) << '\n';
    return 0;
}

}  // namespace
}  // namespace vitrine::report

int main(int argc, char** argv) {
    return vitrine::tools::run_program("report", [&] { return vitrine::report::run(argc, argv); });
}
