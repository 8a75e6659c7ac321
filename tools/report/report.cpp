// The page: see report.h.

#include "tools/report/report.h"

#include "engine/atomic_file.h"
#include "tools/common/html_page.h"
#include "tools/report/data_comparison.h"
#include "tools/report/page.h"
#include "tools/report/page_data.h"

namespace vitrine::report {

std::string report_html(const std::vector<RunFiles>& runs) {
    Json all = Json::array();
    for (const RunFiles& run : runs) {
        all.push_back(page_data(run));
        if (runs.size() > 1) all.back().erase("watched");  // maps are of one run
    }
    const Json data{{"runs", std::move(all)}, {"data", to_json(compare_data(runs))}};
    return tools::page_with_data(page, data.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void write_report(const std::filesystem::path& folder) {
    write_atomically(folder / "report.html", {report_html({read_run(folder)})}, Links::refuse);
}

}  // namespace vitrine::report
