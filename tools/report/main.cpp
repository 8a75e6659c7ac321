// report: the page of a run, or of several on shared axes. See README.md.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "engine/atomic_file.h"
#include "engine/error.h"
#include "engine/escape.h"
#include "tools/common/command_line.h"
#include "tools/common/output_file.h"
#include "tools/common/run_program.h"
#include "tools/report/data_comparison.h"
#include "tools/report/report.h"
#include "tools/report/run_files.h"

namespace vitrine::report {
namespace {

namespace fs = std::filesystem;

constexpr const char* description =
    "Writes the report of a run anew, or one page that compares several runs on the same axes: curves, "
    "results,\n"
    "the settings that differ, and mean and range of runs that differ by their seed alone.";

constexpr const char* examples =
    "Examples:\n"
    "  report runs/photos                          runs/photos/report.html, as train writes it after each "
    "epoch\n"
    "  report runs/*                               all runs on one page, report.html in this folder\n"
    "  report runs/seed-1 runs/seed-2 runs/seed-3 --out seeds.html\n"
    "\n"
    "A page is one file that loads nothing: open it in a browser, mail it, put it on a server. Whatever of a "
    "run "
    "is not\n"
    "there yet, or is damaged, is left out, and the page says so.\n"
    "What is no run is left out, and so is a folder named twice; the standard error says so. Runs of "
    "different "
    "data are\n"
    "compared, but not ranked together.\n"
    "Exit codes: 0 done, the last line names the page; 1 the page could not be written; 2 something on the "
    "command line\n"
    "has to be put right, or none of what was named is a run.";

/// All that was named and all in the runs' folders, but for pages.
std::vector<fs::path> inputs_of(const std::vector<fs::path>& named, const std::vector<fs::path>& runs) {
    std::vector<fs::path> files = named;
    for (const fs::path& run : runs) {
        std::error_code failure;
        for (fs::recursive_directory_iterator entry(run, failure), end; !failure && entry != end;
             entry.increment(failure))
            files.push_back(entry->path());
    }
    std::erase_if(files, [](const fs::path& file) { return file.extension() == ".html"; });
    return files;
}

struct Options {
    std::vector<fs::path> named;
    std::optional<std::string> out;
};

Options parse_options(int argc, const char* const* argv) {
    Options options;
    CLI::App app(description, "report");
    app.get_formatter()->column_width(36);
    app.footer(examples);
    app.add_option("RUN", options.named, "Folders of runs, as train wrote them")->required()->type_name("");
    app.add_option("--out", options.out,
                   "The page [of one run report.html in its folder, of\nseveral report.html in this one]")
        ->type_name("FILE");
    try {
        tools::parse_arguments(app, argc, argv);
    } catch (const CLI::CallForHelp&) {
        std::cout << app.help();
        throw;
    }
    return options;
}

/// The runs among what was named; says what is left out. Throws Error where none is left.
RunList find_runs(const std::vector<fs::path>& named) {
    RunList list = read_runs(named);
    if (named.size() == 1 && list.runs.empty()) throw Error(list.left_out.front());
    for (const std::string& sentence : list.left_out) tools::tell("report", sentence + "; left out");
    if (list.runs.empty()) throw Error(fmt::format("none of the {} that were named is a run", named.size()));
    return list;
}

int run(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    const RunList list = find_runs(options.named);
    const bool own_page = !options.out && list.runs.size() == 1;
    const std::string out =
        options.out.value_or(own_page ? (list.folders.front() / "report.html").string() : "report.html");
    tools::check_output_file("--out", out);
    tools::refuse_input_as_output("--out", out, inputs_of(options.named, list.folders));
    if (const DataComparison data = compare_data(list.runs); !data.warning.empty())
        tools::tell("report", fmt::format("{}. {}", data.warning, fmt::join(data.lists, "; ")));
    write_atomically(out, {report_html(list.runs)}, own_page ? Links::refuse : Links::follow);
    std::cout << escape(out) << '\n';
    return 0;
}

}  // namespace
}  // namespace vitrine::report

int main(int argc, char** argv) {
    return vitrine::tools::run_program("report", [&] { return vitrine::report::run(argc, argv); });
}
