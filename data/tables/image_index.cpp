// Finding images by the names that tables give them: see image_index.h.

#include "data/tables/image_index.h"

#include <algorithm>

#include "engine/escape.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

std::string last_component(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string without_extension(const std::string& path) { return fs::path(path).replace_extension().string(); }

bool is_end_of(const std::string& end, const std::string& path) {
    return path == end ||
           (path.size() > end.size() && path.ends_with(end) && path[path.size() - end.size() - 1] == '/');
}

/// The path from the root; nothing where it leaves it.
std::optional<std::string> inside(const std::string& name, const fs::path& root) {
    fs::path path = fs::path(name).lexically_normal();
    if (path.is_absolute()) {
        std::error_code failure;
        const fs::path full = fs::absolute(root, failure).lexically_normal();
        path = path.lexically_relative(full.has_filename() ? full : full.parent_path());
    }
    if (path.empty() || *path.begin() == "..") return std::nullopt;
    return path.string();
}

}  // namespace

std::optional<SplitPart> part_of_path(const std::string& path) {
    for (size_t start = 0, slash = path.find('/'); slash != std::string::npos;
         start = slash + 1, slash = path.find('/', start)) {
        if (const std::optional<SplitName> name = split_name(path.substr(start, slash - start)))
            return name->part;
    }
    return std::nullopt;
}

ImageIndex::ImageIndex(const fs::path& root, const FileListing& listing) : root_(root), listing_(listing) {
    for (size_t i = 0; i < listing.images.size(); ++i) {
        const std::string name = last_component(listing.images[i].path);
        by_name_[name].push_back(i);
        by_stem_[without_extension(name)].push_back(i);
    }
    for (const SkippedFile& file : listing.skipped) {
        if (file.kind == SkippedKind::damaged) left_out_.emplace(file.path, file.reason);
    }
}

NamedImage ImageIndex::choose(const std::vector<size_t>& candidates, const std::string& name,
                              std::optional<SplitPart> part) const {
    const auto path_of = [&](size_t i) -> const std::string& { return listing_.images[i].path; };
    const auto exact = std::ranges::find_if(candidates, [&](size_t i) { return path_of(i) == name; });
    if (exact != candidates.end()) return {NamedImage::How::found, *exact};
    if (candidates.empty()) return {};
    std::vector<size_t> of_part, of_none;
    for (const size_t i : candidates) {
        const std::optional<SplitPart> place = part_of_path(path_of(i));
        if (!place) of_none.push_back(i);
        if (place && place == part) of_part.push_back(i);
    }
    for (const std::vector<size_t>& some : {candidates, of_part, of_none}) {
        if (some.size() == 1) return {NamedImage::How::found, some.front()};
    }
    const std::vector<size_t>& several = of_part.size() > 1 ? of_part : candidates;
    return {NamedImage::How::ambiguous, several[0], several[1]};
}

NamedImage ImageIndex::find(const std::string& given, std::optional<SplitPart> part) const {
    std::string wanted = given;
    if (given.find('/') == std::string::npos) std::ranges::replace(wanted, '\\', '/');  // of Windows
    const std::optional<std::string> name = inside(wanted, root_);
    if (!name) return {NamedImage::How::outside};
    const auto candidates = [&](const Places& places, auto shown) {
        std::vector<size_t> found;
        const auto place = places.find(last_component(*name));
        if (place == places.end()) return found;
        std::ranges::copy_if(place->second, std::back_inserter(found),
                             [&](size_t i) { return is_end_of(*name, shown(listing_.images[i].path)); });
        return found;
    };
    const NamedImage whole =
        choose(candidates(by_name_, [](const std::string& path) { return path; }), *name, part);
    if (whole.how != NamedImage::How::missing) return whole;
    if (const auto damaged = left_out_.find(escape((root_ / *name).string())); damaged != left_out_.end())
        return {NamedImage::How::left_out, 0, 0, damaged->second};
    return choose(candidates(by_stem_, without_extension), *name, part);
}

}  // namespace vitrine
