// Words for errors about folders: see folder_words.h.

#include "data/folder_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/escape.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr size_t listed_names = 8;  // more would bury the sentence

/// A word of a command line, quoted where bash needs it.
std::string shell_word(const std::string& word) {
    constexpr const char* plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+,:@%";
    if (word.find_first_not_of(plain) == std::string::npos) return word;
    const bool coded = escape(word) != word;  // $'…' reads codes
    std::string all = coded ? "$'" : "'";
    for (const char c : word) {
        if (!coded) {
            all += c == '\'' ? "'\\''" : std::string(1, c);
        } else if (c >= ' ' && c <= '~') {
            all += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
        } else {
            all += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
    return all + '\'';
}

}  // namespace

std::string in_quotes(const fs::path& path) { return fmt::format("'{}'", escape(path.string())); }

std::string list_in_quotes(const std::vector<std::string>& names) {
    std::string list;
    const size_t listed = names.size() <= listed_names + 1 ? names.size() : listed_names;
    for (size_t i = 0; i < listed; ++i) {
        if (i > 0) list += i + 1 == names.size() ? " and " : ", ";
        list += in_quotes(names[i]);
    }
    return listed == names.size() ? list : list + fmt::format(" and {} more", names.size() - listed);
}

std::string counted(int64_t count, const std::string& thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string data_option(const fs::path& path) { return "--data " + shell_word(path.string()); }

std::string as_classes(const fs::path& root) { return data_option(root) + " --dataset class_folders"; }

}  // namespace vitrine
