// Bytes as text, for images inside JSON and HTML.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vitrine::tools {

/// RFC 4648, section 4: A–Z a–z 0–9 + /, padded with =.
std::string base64(std::string_view bytes);

/// The bytes of such a text; nothing where it is none.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace vitrine::tools
