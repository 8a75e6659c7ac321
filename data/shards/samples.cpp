// Grouping the files of an archive: see samples.h.

#include "data/shards/samples.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "data/folder_words.h"
#include "data/image.h"
#include "data/shards/tar_file.h"
#include "engine/error.h"
#include "engine/escape.h"
#include "engine/input_file.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// The files of one key.
struct Files {
    std::string key = {};
    std::optional<TarEntry> image = {}, label = {}, record = {};  // .jpg …, .cls, .json
};

/// A name's key, and what is behind the first dot of its last component.
std::pair<std::string, std::string> key_and_end(const std::string& name) {
    const size_t start = name.rfind('/') == std::string::npos ? 0 : name.rfind('/') + 1;
    const size_t dot = name.find('.', start);
    if (dot == std::string::npos) return {name, ""};
    std::string end = name.substr(dot + 1);
    for (char& c : end) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return {name.substr(0, dot), end};
}

/// Keys, of which the first three are shown.
class Keys {
  public:
    void add(const std::string& key) {
        constexpr size_t listed = 3;
        if (++count_ <= listed) text_ += (text_.empty() ? "" : ", ") + in_quotes(key);
        if (count_ == listed + 1) text_ += ", …";
    }
    /// Where there are some: "the archive 'ARCHIVE' has 4 samples WHAT: 'a', 'b', 'c', …"
    void refuse(const fs::path& archive, const char* what) const {
        if (count_ == 0) return;
        throw Error(fmt::format("the archive {} has {} {}: {}", in_quotes(archive),
                                counted(static_cast<int64_t>(count_), "sample"), what, text_));
    }

  private:
    size_t count_ = 0;
    std::string text_;
};

class ShardReader {
  public:
    ShardReader(const fs::path& root, const std::string& shard) : path_(root / shard), shard_(shard) {}

    ShardSamples read() {
        for (TarEntry& entry : list_tar(path_)) place(std::move(entry));
        twice_.refuse(path_, "with two images, two classes or two records");
        const InputFile file(path_);
        for (const Files& files : files_) add(files, file);
        unlabelled_.refuse(path_, "without a class, which is expected in a .cls or a .json of the same name");
        imageless_.refuse(path_, "with a class and without an image");
        empty_.refuse(path_, "with an empty class");
        unreadable_.refuse(path_,
                           "with a .json that cannot be read, or in which the class is neither a text nor a "
                           "whole number");
        return std::move(found_);
    }

  private:
    void place(TarEntry entry) {
        auto [key, end] = key_and_end(entry.name);
        const std::string last = fs::path(entry.name).filename().string();
        if (last.empty() || last.front() == '.') return;
        const bool is_image = has_image_extension("x." + end);
        if (!is_image && end != "cls" && end != "json") {
            found_.skipped.push_back({escape((path_ / entry.name).string()),
                                      "not an image, a .cls or a .json", SkippedKind::no_image});
            return;
        }
        const auto [known, is_new] = numbers_.emplace(key, files_.size());
        if (is_new) files_.push_back({.key = key});
        Files& files = files_[known->second];
        std::optional<TarEntry>& slot = is_image ? files.image : end == "cls" ? files.label : files.record;
        if (slot) twice_.add(files.key);
        slot = std::move(entry);
    }

    void add(const Files& files, const InputFile& file) {
        if (!files.image) {
            if (files.label) imageless_.add(files.key);  // a lone .json may describe the whole archive
            return;
        }
        std::optional<std::string> label;
        if (files.label) {
            label = trimmed(text_of(*files.label, file));
        } else if (files.record) {
            label = label_in(text_of(*files.record, file), files.key);
        }
        if (!label) return unlabelled_.add(files.key);
        if (label->empty()) return empty_.add(files.key);
        ImageFile image = describe_file(shard_ + '/' + files.image->name, file.status());
        image.archive = shard_;
        image.offset = files.image->offset;
        image.bytes = files.image->bytes;
        found_.samples.push_back({std::move(image), std::move(*label)});
    }

    /// Nothing where the record has no class.
    std::optional<std::string> label_in(const std::string& text, const std::string& key) {
        using Json = nlohmann::json;
        const Json record = Json::parse(text, nullptr, false);
        if (record.is_discarded()) {
            unreadable_.add(key);
            return "?";
        }
        if (!record.is_object()) return std::nullopt;
        for (const char* name : {"label", "cls", "class", "class_name", "category", "target"}) {
            const auto found = record.find(name);
            if (found == record.end() || found->is_null()) continue;
            if (found->is_string()) return trimmed(found->get<std::string>());
            if (found->is_number_integer()) return found->dump();
            unreadable_.add(key);
            return "?";
        }
        return std::nullopt;
    }

    std::string text_of(const TarEntry& entry, const InputFile& file) const {
        constexpr uint64_t largest = 1 << 20;
        if (entry.bytes > largest)
            throw Error(fmt::format("the archive {} holds {} of {} bytes, where a class is expected",
                                    in_quotes(path_), in_quotes(entry.name), entry.bytes));
        std::string text(entry.bytes, '\0');
        const ssize_t got =
            pread(file.descriptor(), text.data(), text.size(), static_cast<off_t>(entry.offset));
        if (got != static_cast<ssize_t>(text.size()))
            throw Error(fmt::format("the archive {} cannot be read", in_quotes(path_)));
        return text;
    }

    static std::string trimmed(const std::string& text) {
        const size_t first = text.find_first_not_of(" \t\r\n");
        if (first == std::string::npos) return "";
        return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
    }

    fs::path path_;
    std::string shard_;
    std::vector<Files> files_;  // in the archive's order
    std::map<std::string, size_t> numbers_;
    ShardSamples found_;
    Keys twice_, unlabelled_, imageless_, empty_, unreadable_;
};

}  // namespace

ShardSamples read_samples(const fs::path& root, const std::string& shard) {
    return ShardReader(root, shard).read();
}

}  // namespace vitrine
