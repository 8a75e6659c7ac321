// Which of several runs are of the same data: see data_comparison.h.

#include "tools/report/data_comparison.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "tools/common/units.h"

namespace vitrine::report {
namespace {

namespace fs = std::filesystem;

constexpr std::array hash_keys{"training", "validation", "all"};

/// What run.json says, or null.
const Json& known(const RunFiles& run, const char* key) {
    static const Json nothing;
    const auto found = run.run.find(key);
    return found == run.run.end() ? nothing : *found;
}

std::string path_of(const RunFiles& run) {
    const Json& path = known(run, "data");
    if (!path.is_string()) return "";
    // "photos", "./photos" and "photos/" are one folder.
    return (fs::path(path.get_ref<const std::string&>()) / "").lexically_normal().string();
}

/// The hash of a part's pixels; null where that is not known.
const Json& hash_of(const RunFiles& run, const char* part) {
    static const Json nothing;
    const Json& hashes = known(run, "image_hashes");
    if (!hashes.is_object() || !hashes.contains(part)) return nothing;
    return hashes.at(part);
}

/// Whether both have hashes, of pixels that were read at the same size.
bool have_hashes(const RunFiles& a, const RunFiles& b) {
    for (const char* size : {"height", "width"}) {
        if (!hash_of(a, size).is_number() || hash_of(a, size) != hash_of(b, size)) return false;
    }
    return std::ranges::all_of(hash_keys, [&](const char* part) {
        return hash_of(a, part).is_string() && hash_of(b, part).is_string();
    });
}

/// What two runs' data differ in, one clause each.
std::vector<std::string> differences(const RunFiles& a, const RunFiles& b) {
    std::vector<std::string> found;
    const auto compare = [&](const Json& one, const Json& other, const char* what) {
        if (one != other) found.emplace_back(what);
    };
    const bool hashes = have_hashes(a, b);
    const auto part = [&](const char* hash, const char* count, const char* what, const char* how_many) {
        if (known(a, count) != known(b, count))
            found.emplace_back(how_many);
        else if (hashes)
            compare(hash_of(a, hash), hash_of(b, hash), what);
    };
    compare(known(a, "classes"), known(b, "classes"), "the classes");
    if (hashes && found.empty() && hash_of(a, "all") == hash_of(b, "all") &&
        known(a, "validation_images") == known(b, "validation_images") &&
        hash_of(a, "validation") != hash_of(b, "validation"))
        return {"which images are held out for validation"};
    part("validation", "validation_images", "the validation images", "the number of validation images");
    part("training", "training_images", "the training images", "the number of training images");
    if (hashes) return found;
    if (path_of(a) != path_of(b)) found.emplace_back("the folder");
    compare(known(a, "dataset"), known(b, "dataset"), "the kind of data");
    return found;
}

int64_t images(const RunFiles& run) {
    int64_t count = 0;
    for (const char* key : {"training_images", "validation_images"}) {
        const Json& part = known(run, key);
        if (part.is_number_integer()) count += std::clamp<int64_t>(part.get<int64_t>(), 0, int64_t{1} << 60);
    }
    return count;
}

bool same_images(const RunFiles& a, const RunFiles& b) {
    if (known(a, "classes") != known(b, "classes")) return false;
    if (have_hashes(a, b)) return hash_of(a, "all") == hash_of(b, "all");
    return path_of(a) == path_of(b) && known(a, "dataset") == known(b, "dataset") && images(a) == images(b);
}

std::string letter(size_t i) {
    constexpr size_t letters = 26;
    return i < letters ? std::string(1, static_cast<char>('A' + i)) : std::to_string(i + 1);
}

std::string description(const RunFiles& run) {
    std::vector<std::string> parts;
    if (const Json& kind = known(run, "dataset"); kind.is_string()) parts.push_back(kind);
    if (const Json& path = known(run, "data"); path.is_string() && path != "") parts.push_back(path);
    if (const Json& classes = known(run, "classes"); classes.is_array())
        parts.push_back(fmt::format("{} class{}", classes.size(), classes.size() == 1 ? "" : "es"));
    for (const auto& [key, what] : {std::pair{"training_images", "training images"},
                                    std::pair{"validation_images", "validation images"}}) {
        if (const Json& count = known(run, key); count.is_number_integer())
            parts.push_back(fmt::format("{} {}", tools::grouped(count.get<int64_t>()), what));
    }
    return parts.empty() ? "not known" : fmt::format("{}", fmt::join(parts, ", "));
}

/// "A: photos, 10 classes … (run1, run2)"
std::string named(const DataComparison& comparison, size_t data, const std::vector<RunFiles>& runs) {
    constexpr size_t most = 6;
    std::vector<std::string> names;
    for (size_t i = 0; i < runs.size(); ++i) {
        if (comparison.of_run[i] == data) names.push_back(runs[i].name);
    }
    const size_t more = names.size() - std::min(names.size(), most);
    names.resize(names.size() - more);
    return fmt::format("{}: {} ({}{})", comparison.data[data].letter, comparison.data[data].description,
                       fmt::join(names, ", "), more == 0 ? "" : fmt::format(" and {} more", more));
}

std::string warning_about(const DataComparison& comparison, const std::vector<RunFiles>& runs) {
    if (comparison.data.size() < 2) return "";
    std::vector<std::string> differ;
    for (const DataComparison::Data& data : comparison.data) {
        for (std::string& clause : differences(runs[comparison.data[0].first], runs[data.first])) {
            if (std::ranges::find(differ, clause) == differ.end()) differ.push_back(std::move(clause));
        }
    }
    return fmt::format(
        "These runs are not of the same data, so their accuracies make no common ranking: what differs is {}",
        fmt::join(differ, ", "));
}

/// The number of each run's group, where same(earlier, later) tells of the group's first run.
template <class Same>
std::vector<size_t> grouped_by(const std::vector<RunFiles>& runs, std::vector<size_t>& firsts, Same same) {
    std::vector<size_t> groups;
    for (size_t i = 0; i < runs.size(); ++i) {
        const auto found =
            std::ranges::find_if(firsts, [&](size_t first) { return same(runs[first], runs[i]); });
        groups.push_back(static_cast<size_t>(found - firsts.begin()));
        if (found == firsts.end()) firsts.push_back(i);
    }
    return groups;
}

}  // namespace

DataComparison compare_data(const std::vector<RunFiles>& runs) {
    DataComparison comparison;
    std::vector<size_t> firsts, image_firsts;
    comparison.of_run = grouped_by(
        runs, firsts, [](const RunFiles& a, const RunFiles& b) { return differences(a, b).empty(); });
    comparison.images_of_run = grouped_by(runs, image_firsts, same_images);
    for (size_t i = 0; i < firsts.size(); ++i)
        comparison.data.push_back({letter(i), description(runs[firsts[i]]), firsts[i]});
    comparison.warning = warning_about(comparison, runs);
    for (size_t i = 0; i < firsts.size(); ++i) comparison.lists.push_back(named(comparison, i, runs));
    return comparison;
}

Json to_json(const DataComparison& comparison) {
    Json json = {{"of", comparison.of_run},
                 {"images", comparison.images_of_run},
                 {"warning", comparison.warning},
                 {"lists", comparison.lists}};
    for (const DataComparison::Data& data : comparison.data) {
        json["letters"].push_back(data.letter);
        json["descriptions"].push_back(data.description);
    }
    return json;
}

}  // namespace vitrine::report
