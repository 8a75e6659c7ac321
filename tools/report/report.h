// report.html: one or several runs as a page to look at, in one file that needs no network.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace vitrine::report {

struct RunFiles;  // run_files.h

/// One run in full, or several on shared axes. The page holds everything it shows: style, script, images, and
/// the numbers as one block of JSON. Whatever the runs' files say is text in it, never markup.
std::string report_html(const std::vector<RunFiles>& runs);

/// Replaces FOLDER/report.html by the report of the run in FOLDER: whoever opens it finds a whole page.
/// Throws Error as read_run does, and where the file cannot be written.
void write_report(const std::filesystem::path& folder);

}  // namespace vitrine::report
