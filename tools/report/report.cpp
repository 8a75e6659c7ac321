// The page: see report.h.

#include "tools/report/report.h"

#include <span>
#include <string_view>

#include "engine/atomic_file.h"
#include "tools/report/data_comparison.h"
#include "tools/report/page.h"
#include "tools/report/page_data.h"

namespace vitrine::report {
namespace {

/// JSON as the content of a <script>: without a '<', nothing in it can end that element. Inside JSON a '<' is
/// always within a string, where the escape means the same.
std::string inside_script(const Json& json) {
    const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    std::string safe;
    safe.reserve(text.size());
    for (const char character : text) {
        if (character == '<')
            safe += "\\u003c";
        else
            safe += character;
    }
    return safe;
}

/// Before and behind the marker, which is in the page once.
void insert(std::string& html, std::string_view page, std::string_view marker, std::string_view content) {
    const size_t place = page.find(marker);
    html += page.substr(0, place);
    html += content;
    html += page.substr(place + marker.size());
}

}  // namespace

std::string report_html(const std::vector<RunFiles>& runs) {
    Json all = Json::array();
    for (const RunFiles& run : runs) {
        all.push_back(page_data(run));
        if (runs.size() > 1) all.back().erase("watched");  // maps are of one run
    }
    std::string html;
    insert(html, page, "{{data}}",
           inside_script({{"runs", std::move(all)}, {"data", to_json(compare_data(runs))}}));
    return html;
}

void write_report(const std::filesystem::path& folder) {
    write_atomically(folder / "report.html", {report_html({read_run(folder)})}, Links::refuse);
}

}  // namespace vitrine::report
