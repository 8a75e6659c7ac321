// Bytes as text: see base64.h.

#include "tools/common/base64.h"

#include <cstdint>

namespace vitrine::tools {

std::string base64(std::string_view bytes) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const std::string_view three = bytes.substr(i, 3);
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; ++j)
            bits = bits << 8 | (j < three.size() ? static_cast<uint8_t>(three[j]) : 0u);
        for (size_t j = 0; j < 4; ++j) text += j <= three.size() ? alphabet[bits >> (18 - 6 * j) & 63] : '=';
    }
    return text;
}

}  // namespace vitrine::tools
