// Seeded choices of samples, the same share of every class: see formats.h.

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "data/formats.h"
#include "data/identity.h"
#include "engine/random.h"

namespace vitrine {
namespace {

/// The samples of each class, each list in a random order that depends on nothing but seed, purpose and
/// class.
std::vector<std::vector<int64_t>> shuffled_classes(const std::vector<int32_t>& labels, uint64_t seed,
                                                   RandomPurpose purpose) {
    const int32_t classes = labels.empty() ? 0 : *std::max_element(labels.begin(), labels.end()) + 1;
    std::vector<std::vector<int64_t>> members(static_cast<size_t>(classes));
    for (size_t i = 0; i < labels.size(); ++i) {
        members[static_cast<size_t>(labels[i])].push_back(static_cast<int64_t>(i));
    }
    for (size_t label = 0; label < members.size(); ++label) {
        const RandomKey key{seed, purpose, 0, static_cast<uint32_t>(label)};
        std::vector<int64_t> shuffled;
        for (const int64_t i : random_permutation(key, static_cast<int64_t>(members[label].size()))) {
            shuffled.push_back(members[label][static_cast<size_t>(i)]);
        }
        members[label] = std::move(shuffled);
    }
    return members;
}

std::ptrdiff_t rounded_share(double share, size_t size) {
    return static_cast<std::ptrdiff_t>(std::lround(share * static_cast<double>(size)));
}

/// Contents that samples of several classes have.
std::unordered_set<uint64_t> contents_of_several(const std::vector<int32_t>& labels,
                                                 std::span<const uint64_t> contents) {
    std::unordered_map<uint64_t, int32_t> first_labels;
    std::unordered_set<uint64_t> several;
    for (size_t i = 0; i < contents.size(); ++i) {
        if (first_labels.try_emplace(contents[i], labels[i]).first->second != labels[i])
            several.insert(contents[i]);
    }
    return several;
}

/// Samples with the same content, in the order of their first ones.
std::vector<std::vector<int64_t>> grouped(const std::vector<int64_t>& members,
                                          std::span<const uint64_t> contents) {
    std::vector<std::vector<int64_t>> groups;
    std::unordered_map<uint64_t, size_t> places;
    for (const int64_t i : members) {
        size_t place = groups.size();
        if (!contents.empty())
            place = places.try_emplace(contents[static_cast<size_t>(i)], place).first->second;
        if (place == groups.size()) groups.emplace_back();
        groups[place].push_back(i);
    }
    return groups;
}

/// Which of the groups are held out: the first whose samples are no more than `taken` together, or else the smallest.
std::vector<bool> chosen(const std::vector<std::vector<int64_t>>& groups, size_t taken) {
    std::vector<bool> held_out(groups.size());
    size_t left = taken;
    for (size_t i = 0; i < groups.size() && left > 0; ++i) {
        if (groups[i].size() > left) continue;
        held_out[i] = true;
        left -= groups[i].size();
    }
    if (left == taken && taken > 0) {
        const auto smallest = std::ranges::min_element(groups, {}, &std::vector<int64_t>::size);
        held_out[static_cast<size_t>(smallest - groups.begin())] = true;
    }
    return held_out;
}

}  // namespace

Split stratified_split(const std::vector<int32_t>& labels, double share, uint64_t seed,
                       std::span<const uint64_t> contents) {
    Split split;
    const std::unordered_set<uint64_t> several = contents_of_several(labels, contents);
    for (const std::vector<int64_t>& members : shuffled_classes(labels, seed, RandomPurpose::split)) {
        if (members.empty()) continue;
        const auto most = static_cast<std::ptrdiff_t>(members.size()) - 1;
        const std::ptrdiff_t taken = std::clamp<std::ptrdiff_t>(rounded_share(share, members.size()),
                                                                std::min<std::ptrdiff_t>(1, most), most);
        std::vector<int64_t> own, shared;
        for (const int64_t i : members) {
            const bool is_shared = !several.empty() && several.contains(contents[static_cast<size_t>(i)]);
            (is_shared ? shared : own).push_back(i);
        }
        if (own.empty()) own.swap(shared);
        split.kept.insert(split.kept.end(), shared.begin(), shared.end());
        std::vector<std::vector<int64_t>> groups = grouped(own, contents);
        if (groups.size() == 1 && shared.empty()) groups = grouped(own, {});
        const std::vector<bool> held_out = chosen(groups, static_cast<size_t>(taken));
        for (size_t i = 0; i < groups.size(); ++i) {
            std::vector<int64_t>& part = held_out[i] ? split.held_out : split.kept;
            part.insert(part.end(), groups[i].begin(), groups[i].end());
        }
    }
    std::sort(split.kept.begin(), split.kept.end());
    std::sort(split.held_out.begin(), split.held_out.end());
    return split;
}

std::vector<int64_t> stratified_subset(const std::vector<int32_t>& labels, double share, uint64_t seed) {
    std::vector<int64_t> kept;
    for (const std::vector<int64_t>& members : shuffled_classes(labels, seed, RandomPurpose::subset)) {
        if (members.empty()) continue;
        const std::ptrdiff_t taken = std::max<std::ptrdiff_t>(1, rounded_share(share, members.size()));
        kept.insert(kept.end(), members.begin(), members.begin() + taken);
    }
    std::sort(kept.begin(), kept.end());
    return kept;
}

void hold_out_validation(Dataset& dataset, const DatasetOptions& options) {
    dataset.draw.validation = options.validation.value_or(options.default_validation);
    if (dataset.draw.validation == 0.0) return;
    const Split split = stratified_split(dataset.train.labels, dataset.draw.validation, options.seed,
                                         pixel_hashes(dataset.train, options.threads));
    dataset.validation = dataset.train.select(split.held_out);
    dataset.train = dataset.train.select(split.kept);
}

}  // namespace vitrine
