// Pages for a browser that hold their data: see html_page.h.

#include "tools/common/html_page.h"

namespace vitrine::tools {

std::string page_with_data(std::string_view page, std::string_view json) {
    constexpr std::string_view marker = "{{data}}";  // which is in the page once
    const size_t place = page.find(marker);
    std::string html(page.substr(0, place));
    html.reserve(page.size() + json.size());
    // Inside JSON a '<' is always within a string, where the escape means the same.
    for (const char character : json) {
        if (character == '<')
            html += "\\u003c";
        else
            html += character;
    }
    html += page.substr(place + marker.size());
    return html;
}

}  // namespace vitrine::tools
