// Reading the names of parts: see split_names.h.

#include "data/split_names.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace vitrine {
namespace {

constexpr std::array<std::pair<std::string_view, SplitPart>, 19> part_words = {
    {{"train", SplitPart::train},
     {"training", SplitPart::train},
     {"trn", SplitPart::train},
     {"trainval", SplitPart::train},
     {"val", SplitPart::validation},
     {"vali", SplitPart::validation},
     {"valid", SplitPart::validation},
     {"validate", SplitPart::validation},
     {"validating", SplitPart::validation},
     {"validation", SplitPart::validation},
     {"dev", SplitPart::validation},
     {"devel", SplitPart::validation},
     {"development", SplitPart::validation},
     {"eval", SplitPart::test},
     {"evaluation", SplitPart::test},
     {"test", SplitPart::test},
     {"tests", SplitPart::test},
     {"testing", SplitPart::test},
     {"tst", SplitPart::test}}};

constexpr std::array<std::string_view, 18> filling_words = {
    "set",      "sets",  "data",   "dataset", "image",   "images", "img",    "imgs", "picture",
    "pictures", "photo", "photos", "sample",  "samples", "split",  "folder", "dir",  "files"};

bool is_filling(std::string_view word) {
    return std::ranges::find(filling_words, word) != filling_words.end();
}

enum class Letter { lower, upper, digit, none };

Letter letter_of(char c) {
    if (c >= '0' && c <= '9') return Letter::digit;
    if (c >= 'A' && c <= 'Z') return Letter::upper;
    if ((c >= 'a' && c <= 'z') || (static_cast<unsigned char>(c) & 0x80) != 0) return Letter::lower;
    return Letter::none;
}

/// The part that a word names: train, or trainset.
std::optional<SplitPart> part_of_word(const std::string& word) {
    for (const auto& [name, part] : part_words) {
        if (word == name ||
            (word.starts_with(name) && is_filling(std::string_view(word).substr(name.size()))))
            return part;
    }
    return std::nullopt;
}

}  // namespace

const char* name_of(SplitPart part) {
    return part == SplitPart::train ? "training" : part == SplitPart::validation ? "validation" : "test";
}

std::vector<std::string> words_of(const std::string& name) {
    std::vector<std::string> words;
    Letter before = Letter::none;
    for (const char c : name) {
        const Letter letter = letter_of(c);
        const bool is_letter = letter == Letter::lower || letter == Letter::upper;
        const bool continues = letter == before || (before == Letter::upper && letter == Letter::lower);
        if (is_letter && !continues) words.emplace_back();
        if (is_letter) words.back() += letter == Letter::upper ? static_cast<char>(c - 'A' + 'a') : c;
        before = letter;
    }
    return words;
}

std::optional<SplitName> split_name(const std::string& folder) {
    std::vector<SplitPart> parts;
    std::string family;
    for (const std::string& word : words_of(folder)) {
        if (const std::optional<SplitPart> part = part_of_word(word)) {
            parts.push_back(*part);
        } else if (!is_filling(word)) {
            family += word + ' ';
        }
    }
    // "train_val" is what is trained on in the end; "train_test" says nothing.
    if (parts == std::vector{SplitPart::train, SplitPart::validation}) parts.pop_back();
    if (parts.size() != 1) return std::nullopt;
    return SplitName{parts.front(), family};
}

}  // namespace vitrine
