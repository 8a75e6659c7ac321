// Names as text: see escape.h.

#include "engine/escape.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>

namespace vitrine {
namespace {

constexpr size_t code_length = 4;  // \xHH

uint32_t byte_at(std::string_view text, size_t i) { return static_cast<unsigned char>(text[i]); }

/// The byte that a code at the start of `text` stands for.
std::optional<char> coded_byte(std::string_view text) {
    if (text.size() < code_length || !text.starts_with("\\x")) return std::nullopt;
    uint8_t value = 0;
    const char* end = text.data() + code_length;
    if (std::from_chars(text.data() + 2, end, value, 16).ptr != end) return std::nullopt;
    return static_cast<char>(value);
}

/// Bytes of the UTF-8 character at the start of `text`; 0 where these are not one.
size_t character_length(std::string_view text) {
    const uint32_t first = byte_at(text, 0);
    if (first < 0x80) return 1;
    const size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (length == 0 || text.size() < length) return 0;
    for (size_t i = 1; i < length; ++i) {
        if ((byte_at(text, i) & 0xC0) != 0x80) return 0;
    }
    const uint32_t second = byte_at(text, 1);
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool surrogate = first == 0xED && second >= 0xA0;
    const bool too_large = first == 0xF4 && second >= 0x90;
    return overlong || surrogate || too_large ? 0 : length;
}

/// Whether a terminal or a line-based reader takes this character for anything but itself.
bool is_control(std::string_view character) {
    const uint32_t first = byte_at(character, 0);
    if (character.size() == 1) return first < 0x20 || first == 0x7F;
    const uint32_t second = byte_at(character, 1);
    if (first == 0xC2) return second < 0xA0;  // U+0080 to U+009F
    if (first != 0xE2 || character.size() != 3) return false;
    const uint32_t third = byte_at(character, 2);
    const bool separators_and_overrides =
        second == 0x80 && third >= 0xA8 && third <= 0xAE;                    // U+2028 to U+202E
    const bool isolates = second == 0x81 && third >= 0xA6 && third <= 0xA9;  // U+2066 to U+2069
    return separators_and_overrides || isolates;
}

enum class Backslashes : bool { kept, told_from_codes };

std::string escape(std::string_view name, Backslashes backslashes) {
    std::string text;
    while (!name.empty()) {
        const size_t length = character_length(name);
        const std::string_view character = name.substr(0, length == 0 ? 1 : length);
        const bool like_code = backslashes == Backslashes::told_from_codes && coded_byte(name);
        if (length == 0 || is_control(character) || like_code) {
            for (size_t i = 0; i < character.size(); ++i)
                text += fmt::format("\\x{:02x}", byte_at(character, i));
        } else {
            text += character;
        }
        name.remove_prefix(character.size());
    }
    return text;
}

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

std::string escape(std::string_view name) { return escape(name, Backslashes::told_from_codes); }

std::string printable(std::string_view text, size_t longest) {
    if (text.size() <= longest) return escape(text, Backslashes::kept);
    // Whole characters of each half, if these are characters at all.
    size_t head = longest / 2, tail = text.size() - (longest - head);
    while (head > 0 && continues_character(text[head])) --head;
    while (tail < text.size() && continues_character(text[tail])) ++tail;
    return escape(text.substr(0, head), Backslashes::kept) + "…" +
           escape(text.substr(tail), Backslashes::kept);
}

size_t utf8_length(std::string_view text) {
    size_t whole = 0;
    while (whole < text.size()) {
        const size_t length = character_length(text.substr(whole));
        if (length == 0) break;
        whole += length;
    }
    return whole;
}

std::string unescape(std::string_view text) {
    std::string name;
    while (!text.empty()) {
        const std::optional<char> byte = coded_byte(text);
        name += byte.value_or(text.front());
        text.remove_prefix(byte ? code_length : 1);
    }
    return name;
}

}  // namespace vitrine
