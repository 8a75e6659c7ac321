// Text in the columns of a terminal: see text_layout.h.

#include "tools/common/text_layout.h"

#include <locale.h>
#include <wchar.h>

#include <algorithm>

namespace vitrine::tools {
namespace {

constexpr size_t widest = 2;   // columns of a character
constexpr size_t between = 2;  // fields

/// The C library knows characters and their widths in a locale that has them, which this thread uses while
/// one of these lives. A program that was started in the C locale shows UTF-8 all the same.
class Utf8 {
  public:
    Utf8() : before_(locale() == locale_t{} ? locale_t{} : ::uselocale(locale())) {}
    ~Utf8() {
        if (before_ != locale_t{}) ::uselocale(before_);
    }
    Utf8(const Utf8&) = delete;
    Utf8& operator=(const Utf8&) = delete;

  private:
    static locale_t locale() {
        static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{});
        return utf8;
    }
    locale_t before_;
};

struct Character {
    size_t bytes, columns;
};

/// The one that `text` begins with. What is not known, as what came into Unicode after the C library, counts
/// as wide: a line is then too short rather than too long.
Character first_character(std::string_view text) {
    wchar_t code = 0;
    mbstate_t state{};
    const size_t bytes = ::mbrtowc(&code, text.data(), text.size(), &state);
    if (bytes == 0 || bytes > text.size()) return {1, 1};  // no UTF-8: a byte
    const int columns = ::wcwidth(code);
    return {bytes, columns < 0 ? widest : static_cast<size_t>(columns)};
}

/// Bytes at the start of a word that fit into so many columns, at least a character: behind the last '/'
/// among them, or as many as there are.
size_t piece_of(std::string_view word, size_t columns) {
    const Utf8 locale;
    size_t end = 0, used = 0, behind_slash = 0;
    while (end < word.size()) {
        const Character next = first_character(word.substr(end));
        if (end > 0 && used + next.columns > columns) return behind_slash > 0 ? behind_slash : end;
        used += next.columns;
        end += next.bytes;
        if (word[end - 1] == '/') behind_slash = end;
    }
    return end;
}

}  // namespace

size_t columns_of(std::string_view line) {
    const Utf8 locale;
    size_t columns = 0;
    while (!line.empty()) {
        const Character next = first_character(line);
        columns += next.columns;
        line.remove_prefix(next.bytes);
    }
    return columns;
}

std::string fitting_fields(const std::vector<std::string>& fields, size_t columns) {
    std::string line;
    size_t used = 0;
    for (const std::string& field : fields) {
        const size_t gap = line.empty() ? 0 : between;
        used += gap + columns_of(field);
        if (used > columns) break;
        line += std::string(gap, ' ') + field;
    }
    return line;
}

std::vector<std::string> wrapped_fields(const std::vector<std::string>& fields, size_t columns,
                                        size_t indent) {
    std::vector<std::string> lines;
    for (const std::string& field : fields) {
        const size_t width = columns_of(field);
        if (lines.empty()) {
            lines.push_back(field);
        } else if (columns_of(lines.back()) + between + width <= columns) {
            lines.back() += std::string(between, ' ') + field;
        } else {
            lines.push_back(std::string(indent + width <= columns ? indent : 0, ' ') + field);
        }
    }
    return lines;
}

std::vector<std::string> wrapped_words(std::string_view text, size_t columns, LongWords long_words) {
    std::vector<std::string> lines;
    std::string line;
    while (!text.empty()) {
        const size_t end = std::min(text.find(' '), text.size());
        std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const size_t gap = line.empty() ? 0 : 1;
        if (columns_of(line) + gap + columns_of(word) <= columns) {
            line += std::string(gap, ' ').append(word);
            continue;
        }
        if (!line.empty()) lines.push_back(line);
        while (long_words == LongWords::broken && columns_of(word) > columns) {
            const size_t piece = piece_of(word, columns);
            lines.emplace_back(word.substr(0, piece));
            word.remove_prefix(piece);
        }
        line = word;
    }
    if (!line.empty()) lines.push_back(line);
    return lines;
}

}  // namespace vitrine::tools
