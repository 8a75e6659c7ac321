// Bytes as text, for images inside JSON and HTML.
#pragma once

#include <string>
#include <string_view>

namespace vitrine::tools {

/// RFC 4648, section 4: A–Z a–z 0–9 + /, padded with =.
std::string base64(std::string_view bytes);

}  // namespace vitrine::tools
