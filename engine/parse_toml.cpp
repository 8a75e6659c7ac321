// TOML within limits: see parse_toml.h.

#include "engine/parse_toml.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/escape.h"

namespace vitrine {
namespace {

constexpr size_t deepest = 64;  // brackets and braces within each other

auto line_of(std::string_view text, size_t place) {
    return 1 + std::ranges::count(text.substr(0, place), '\n');
}

/// Looks at brackets and at the dots of keys, and skips texts and comments. It need not notice what is no
/// TOML: the parser gets no further than that.
class DepthCheck {
  public:
    DepthCheck(std::string_view text, const std::string& source) : text_(text), source_(source) {}

    void run() {
        while (place_ < text_.size()) {
            const char c = text_[place_];
            if (c == '"' || c == '\'')
                skip_text(c);
            else if (c == '#')
                place_ = std::min(text_.find('\n', place_), text_.size());
            else
                look_at(c), ++place_;
        }
    }

  private:
    void look_at(char c) {
        if (c == '.' && ++dots_ >= most_key_parts)
            fail(fmt::format("a key of more than {} parts", most_key_parts));
        if (c == '\n' || c == ',' || c == '=' || c == '[' || c == '{') dots_ = 0;
        if ((c == '[' || c == '{') && ++depth_ > deepest)
            fail(fmt::format("brackets within each other more than {} deep", deepest));
        if ((c == ']' || c == '}') && depth_ > 0) --depth_;
    }

    /// Behind the text that begins here. One line, or with three quotes many.
    void skip_text(char quote) {
        const std::string three(3, quote);
        if (text_.substr(place_).starts_with(three)) {
            place_ += 3;
            while (place_ < text_.size() && !text_.substr(place_).starts_with(three)) step_in_text(quote);
            place_ = std::min(place_ + 3, text_.size());
            // Up to two quotes before the last three belong to the text.
            for (int i = 0; i < 2 && place_ < text_.size() && text_[place_] == quote; ++i) ++place_;
            return;
        }
        ++place_;
        while (place_ < text_.size() && text_[place_] != quote && text_[place_] != '\n') step_in_text(quote);
        if (place_ < text_.size() && text_[place_] == quote) ++place_;
    }
    void step_in_text(char quote) {
        const bool escape = quote == '"' && text_[place_] == '\\';
        place_ = std::min(place_ + (escape ? 2 : 1), text_.size());
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(fmt::format("{}:{}: {}", source_, line_of(text_, place_), what));
    }

    std::string_view text_;
    const std::string& source_;
    size_t place_ = 0, depth_ = 0, dots_ = 0;
};

}  // namespace

toml::table parse_toml(std::string_view text, const std::string& source) {
    if (text.size() > largest_toml)
        throw Error(fmt::format("{}: larger than {} bytes", source, largest_toml));
    if (const size_t whole = utf8_length(text); whole < text.size())
        throw Error(fmt::format("{}:{}: this is not UTF-8, which all of a recipe has to be", source,
                                line_of(text, whole)));
    DepthCheck(text, source).run();
    try {
        return toml::parse(text, source);
    } catch (const toml::parse_error& error) {
        throw Error(
            fmt::format("{}:{}: {}", source, error.source().begin.line, std::string(error.description())));
    }
}

}  // namespace vitrine
