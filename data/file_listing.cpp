// Searching folders for images: see file_listing.h.

#include "data/file_listing.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "data/image.h"
#include "data/image_format.h"
#include "engine/escape.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// Device and inode: what is one folder under all its names.
using FolderId = std::pair<dev_t, ino_t>;

FolderId id_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

std::string lower_case(std::string text) {
    for (char& letter : text) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
    return text;
}

std::string suffix_of(const std::string& name) { return lower_case(fs::path(name).extension().string()); }

/// Ends of names of images that are listed nowhere, because nothing here or in torchvision reads them by that
/// name.
bool has_other_image_extension(const std::string& name) {
    static constexpr std::array<std::string_view, 25> extensions = {
        ".gif", ".heic", ".heif", ".avif", ".jfif", ".jpe", ".jxl", ".jp2", ".j2k",
        ".dng", ".cr2",  ".nef",  ".arw",  ".psd",  ".tga", ".pcx", ".exr", ".svg",
        ".pbm", ".pnm",  ".pfm",  ".pam",  ".dib",  ".ico", ".cur"};
    return std::ranges::find(extensions, suffix_of(name)) != extensions.end();
}

/// The names in a folder, in the order of their bytes as Python sorts them, without hidden ones.
std::vector<std::string> names_in(const fs::path& folder, std::error_code& failure) {
    std::vector<std::string> names;
    fs::directory_iterator entry(folder, failure);
    for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
        std::string name = entry->path().filename().string();
        if (name.front() != '.') names.push_back(std::move(name));
    }
    std::ranges::sort(names);
    return names;
}

/// A finished cache, or one that is being written.
bool is_cache(const fs::path& folder, const std::string& name) {
    return name.find(".images.") != std::string::npos ||
           (name.ends_with(".images") && is_packed_cache(folder / name));
}

/// Whether a folder with these (visible) names is a run of train, its preview or a cache of decoded images.
bool is_own_folder(const fs::path& folder, const std::vector<std::string>& names) {
    std::error_code failure;
    const auto has = [&](const char* name) { return std::ranges::binary_search(names, name); };
    if (has("recipe.toml") && (has("run.json") || has("checkpoints") || has("metrics.jsonl"))) return true;
    if (names.size() == 1 && has("preview.png")) return true;
    if (names.empty()) return fs::exists(folder / ".lock", failure);  // a run that has just begun
    if (folder.filename() == "checkpoints") return fs::exists(folder.parent_path() / "recipe.toml", failure);
    return std::ranges::any_of(names, [&](const std::string& name) { return is_cache(folder, name); }) &&
           std::ranges::none_of(names, has_image_extension);
}

std::string_view what_it_is(const struct stat& status) {
    if (S_ISFIFO(status.st_mode)) return "a named pipe";
    if (S_ISSOCK(status.st_mode)) return "a socket";
    return "a device";
}

class Search {
  public:
    Search(const fs::path& root, bool only_first) : root_(root), only_first_(only_first) {}

    void folder(const std::string& path, int depth) {
        struct stat status {};
        if (stat((root_ / path).c_str(), &status) != 0) return unreadable(path, errno);
        folder(path, status, depth);
    }

    FileListing found;

  private:
    void folder(const std::string& path, const struct stat& status, int depth) {
        if (!seen_.insert(id_of(status)).second)
            return skip(path, "the same folder as one before it", SkippedKind::duplicate);
        if (depth > deepest_folder)
            return skip(path, fmt::format("more than {} folders deep", deepest_folder), SkippedKind::damaged);
        std::error_code failure;
        const std::vector<std::string> names = names_in(root_ / path, failure);
        if (failure) return unreadable(path, failure.value());
        if (is_own_folder(root_ / path, names)) return found.own_folders.push_back(path);
        for (const std::string& name : names) {
            entry(path.empty() ? name : path + '/' + name, name, depth);
            if (only_first_ && !found.images.empty()) return;
        }
    }

    void entry(const std::string& path, const std::string& name, int depth) {
        struct stat status {};
        if (stat((root_ / path).c_str(), &status) != 0) return unreadable(path, errno);
        if (S_ISDIR(status.st_mode)) {
            if (!is_left_behind(name)) folder(path, status, depth + 1);
        } else if (!S_ISREG(status.st_mode)) {
            skip(path, fmt::format("{}, not a file", what_it_is(status)), kind_by_name(name));
        } else if (has_image_extension(name)) {
            found.images.push_back(describe_file(path, status));
        } else {
            other_file(path, name);
        }
    }

    void other_file(const std::string& path, const std::string& name) {
        const bool named_like_one = has_other_image_extension(name);
        if (!named_like_one && !fs::path(name).extension().empty())
            return skip(path, "not an image: its name does not end like one", SkippedKind::no_image);
        // A file whose name says nothing may be anything, one that says GIF may be a JPEG.
        const ImageFormat format = image_format(first_bytes(root_ / path));
        if (format.name.empty() && !named_like_one) {
            skip(path, "not an image: its name does not end like one", SkippedKind::no_image);
        } else if (format.name.empty()) {
            skip(path, why_not_read({suffix_of(name)}), SkippedKind::damaged);
        } else {
            skip(path, why_left_out(format, named_like_one ? suffix_of(name) : ""), SkippedKind::damaged);
        }
    }

    /// Of an image whose name does not end like one: training takes the images that torchvision takes.
    static std::string why_left_out(const ImageFormat& format, const std::string& suffix) {
        if (!format.is_known()) return why_not_read(format);
        if (suffix.empty())
            return fmt::format("a {} file by its content, but its name does not end like one of an image",
                               format.name);
        return fmt::format("a {} file, left out as torchvision's ImageFolder leaves out names that end in {}",
                           format.name, suffix);
    }

    /// What cannot be looked at may have been an image, or a folder of them, where nothing speaks against it.
    static SkippedKind kind_by_name(const std::string& name) {
        const bool may_be_image = has_image_extension(name) || has_other_image_extension(name) ||
                                  fs::path(name).extension().empty();
        return may_be_image ? SkippedKind::damaged : SkippedKind::no_image;
    }

    void unreadable(const std::string& path, int failure) {
        const bool dangling = failure == ENOENT && fs::is_symlink(fs::symlink_status(root_ / path));
        skip(path,
             dangling ? "a link to a file that does not exist"
                      : fmt::format("cannot be read ({})", std::strerror(failure)),
             kind_by_name(fs::path(path).filename().string()));
    }

    void skip(const std::string& path, std::string reason, SkippedKind kind) {
        if (!only_first_) found.skipped.push_back({escape((root_ / path).string()), std::move(reason), kind});
    }

    const fs::path& root_;
    bool only_first_;  // image, which ends the search
    std::set<FolderId> seen_;
};

}  // namespace

FileListing list_images(const fs::path& root, const std::string& folder) {
    Search search(root, false);
    search.folder(folder, 0);
    return std::move(search.found);
}

bool holds_image(const fs::path& folder) {
    Search search(folder, true);
    search.folder("", 0);
    return !search.found.images.empty();
}

bool is_left_behind(const std::string& name) {
    static constexpr std::array<std::string_view, 6> names = {
        "__macosx", "__pycache__", "@eadir", "lost+found", "$recycle.bin", "system volume information"};
    return std::ranges::find(names, lower_case(name)) != names.end();
}

}  // namespace vitrine
