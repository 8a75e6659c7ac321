// A parser of PTX: statements end with a semicolon, labels with a colon, blocks stand in braces.

#include "tests/cuda/ptx.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "kernels/error.h"

namespace vitrine::ptx {
namespace {

constexpr std::string_view space_characters = " \t\r\n";

std::string without_spaces(std::string_view text) {
    std::string result;
    std::ranges::copy_if(text, std::back_inserter(result),
                         [](char c) { return space_characters.find(c) == std::string_view::npos; });
    return result;
}

/// The parts between separators that stand in no brackets.
std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts(1);
    int depth = 0;
    for (const char c : text) {
        if (c == '[' || c == '{' || c == '(') ++depth;
        if (c == ']' || c == '}' || c == ')') --depth;
        if (c == separator && depth == 0) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> result;
    for (size_t at = text.find_first_not_of(space_characters); at != std::string_view::npos;) {
        const size_t end = std::min(text.find_first_of(space_characters, at), text.size());
        result.emplace_back(text.substr(at, end - at));
        at = text.find_first_not_of(space_characters, end);
    }
    return result;
}

/// "tile" of ".shared .align 4 .b8 tile[1024]" and of ".global .u32 tile = 3".
Variable variable_of(std::string_view declaration) {
    const std::string_view left = declaration.substr(0, std::min(declaration.find('='), declaration.size()));
    const std::vector<std::string> parts = words(left);
    Variable variable;
    for (const std::string& part : parts) {
        if (part == ".local" || part == ".shared" || part == ".global" || part == ".const" ||
            part == ".param")
            variable.space = part.substr(1);
    }
    if (!parts.empty()) variable.name = parts.back().substr(0, parts.back().find('['));
    return variable;
}

class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    Module parse() {
        Module module;
        while (skip_space()) {
            if (at(".version") || at(".target") || at(".address_size") || at(".file")) {
                to('\n');
            } else if (const size_t head = head_length(); head != 0) {
                module.functions.push_back(function(take(head)));
            } else {
                module.variables.push_back(variable_of(to(';')));
            }
        }
        return module;
    }

  private:
    bool at(std::string_view word) const { return text_.substr(position_).starts_with(word); }

    /// Whether there is more behind spaces and comments.
    bool skip_space() {
        for (;;) {
            while (position_ < text_.size() &&
                   space_characters.find(text_[position_]) != std::string_view::npos)
                ++position_;
            if (at("//")) {
                to('\n');
            } else if (at("/*")) {
                position_ = std::min(text_.find("*/", position_) + 2, text_.size());
            } else {
                return position_ < text_.size();
            }
        }
    }

    std::string_view take(size_t length) {
        const std::string_view taken = text_.substr(position_, length);
        line_ += static_cast<int>(std::ranges::count(text_.substr(counted_, position_ - counted_), '\n'));
        counted_ = position_;
        position_ += length;
        return taken;
    }

    /// All before the next `end`, which is passed over.
    std::string_view to(char end) {
        const size_t found = text_.find(end, position_);
        if (found == std::string_view::npos) fail(fmt::format("there is no '{}' behind it", end));
        const std::string_view taken = take(found - position_);
        ++position_;
        return taken;
    }

    /// Of what stands before a function's body; 0 where none begins here.
    size_t head_length() const {
        const size_t end = text_.find_first_of(";{", position_);
        if (end == std::string_view::npos || text_[end] == ';') return 0;
        const std::string_view head = text_.substr(position_, end - position_);
        const bool is_function =
            head.find(".entry") != std::string_view::npos || head.find(".func") != std::string_view::npos;
        return is_function ? end - position_ : 0;
    }

    /// `head` is ".visible .entry name( .param .u64 name_param_0, … ) .maxntid 256, 1, 1".
    Function function(std::string_view head) {
        Function result;
        const size_t entry = head.find(".entry");
        result.is_kernel = entry != std::string_view::npos;
        std::string_view rest = head.substr(result.is_kernel ? entry + 6 : head.find(".func") + 5);
        const size_t open = rest.find('(');
        if (result.is_kernel) {
            result.name = without_spaces(rest.substr(0, std::min(open, rest.find('.'))));
            if (open != std::string_view::npos) {
                for (const std::string& part : split(rest.substr(open + 1, rest.find(')') - open - 1), ','))
                    if (const Variable parameter = variable_of(part); !parameter.name.empty())
                        result.parameters.push_back(parameter.name);
            }
        } else {
            result.name = without_spaces(rest);
        }
        ++position_;
        body(result);
        return result;
    }

    void body(Function& function) {
        for (int depth = 1; depth > 0;) {
            if (!skip_space()) fail("a function does not end");
            const char c = text_[position_];
            if (c == '{' || c == '}') {
                depth += c == '{' ? 1 : -1;
                ++position_;
            } else if (at(".loc") && !at(".local")) {
                to('\n');
            } else if (c == '.') {
                declaration(function, to(';'));
            } else if (const size_t colon = label_length(); colon != 0) {
                position_ += colon;
            } else {
                const std::string_view statement = to(';');
                function.instructions.push_back(instruction(statement));
            }
        }
    }

    static void declaration(Function& function, std::string_view text) {
        const Variable variable = variable_of(text);
        if (!variable.space.empty()) function.variables.push_back(variable);
    }

    /// With its colon; 0 where no label stands here.
    size_t label_length() const {
        size_t end = position_;
        while (end < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[end])) != 0 ||
                                      text_[end] == '_' || text_[end] == '$'))
            ++end;
        return end > position_ && end < text_.size() && text_[end] == ':' && text_[end + 1] != ':'
                   ? end + 1 - position_
                   : 0;
    }

    Instruction instruction(std::string_view statement) {
        Instruction result{line_, {}, {}};
        if (statement.starts_with("@")) {
            const size_t end = statement.find_first_of(space_characters);
            if (end == std::string_view::npos) fail("a predicate without an instruction");
            statement.remove_prefix(statement.find_first_not_of(space_characters, end));
        }
        const size_t end = std::min(statement.find_first_of(space_characters), statement.size());
        result.opcode = split(statement.substr(0, end), '.');
        if (const std::string operands = without_spaces(statement.substr(end)); !operands.empty())
            result.operands = split(operands, ',');
        return result;
    }

    [[noreturn]] void fail(const std::string& problem) const {
        throw Error(fmt::format("PTX, line {}: {}", line_, problem));
    }

    std::string_view text_;
    size_t position_ = 0;
    size_t counted_ = 0;
    int line_ = 1;
};

}  // namespace

Module parse(std::string_view text) { return Parser(text).parse(); }

std::vector<std::string_view> texts_in(std::string_view object) {
    constexpr std::string_view begin = ".version ";
    std::vector<std::string_view> texts;
    for (size_t at = object.find(begin); at != std::string_view::npos; at = object.find(begin, at)) {
        const size_t end = std::min(object.find('\0', at), object.size());
        const std::string_view text = object.substr(at, end - at);
        if (text.find(".address_size") != std::string_view::npos) texts.push_back(text);
        at = end;
    }
    return texts;
}

}  // namespace vitrine::ptx
