// Images that a data set has more than once: see repeated_images.h.

#include "data/repeated_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace vitrine {
namespace {

class Search {
  public:
    explicit Search(const DatasetIdentity& identity) : identity_(identity) {}

    RepeatedImages run() && {
        std::vector<int64_t> indices;
        for (size_t i = 0; i < identity_.images.size(); ++i) {
            if (identity_.images[i].part != Part::left_out) indices.push_back(static_cast<int64_t>(i));
        }
        std::ranges::stable_sort(indices, {}, [&](int64_t i) { return image(i).pixels; });
        for (auto begin = indices.begin(); begin != indices.end();) {
            const uint64_t pixels = image(*begin).pixels;
            const auto end =
                std::find_if(begin, indices.end(), [&](int64_t i) { return image(i).pixels != pixels; });
            add_group({begin, end});
            begin = end;
        }
        for (std::vector<RepeatedImages::Pair>* pairs : {&repeated_.trained_on, &repeated_.contradictory})
            std::ranges::sort(*pairs, {}, &RepeatedImages::Pair::image);
        return std::move(repeated_);
    }

  private:
    const KnownImage& image(int64_t i) const { return identity_.images[static_cast<size_t>(i)]; }

    /// Images with the same pixels, in their order.
    void add_group(std::span<const int64_t> group) {
        const auto trained =
            std::ranges::find(group, Part::training, [&](int64_t i) { return image(i).part; });
        const int64_t first = group.front();
        const auto other =
            std::ranges::find_if(group, [&](int64_t i) { return image(i).label != image(first).label; });
        for (const int64_t i : group) {
            if (trained != group.end() && image(i).part == Part::validation)
                repeated_.trained_on.push_back({i, *trained});
            if (other != group.end())
                repeated_.contradictory.push_back({i, image(i).label == image(first).label ? *other : first});
        }
    }

    const DatasetIdentity& identity_;
    RepeatedImages repeated_;
};

/// "'cat/1.png' of class 'cat'"; of data that have no names "one of class 'cat'"
std::string described(const KnownImage& image, const DatasetIdentity& identity) {
    return fmt::format("{} of class '{}'", image.name.empty() ? "one" : fmt::format("'{}'", image.name),
                       identity.classes[static_cast<size_t>(image.label)]);
}

}  // namespace

RepeatedImages repeated_images(const DatasetIdentity& identity) { return Search(identity).run(); }

std::vector<std::string> sentences_on(const RepeatedImages& repeated, const DatasetIdentity& identity) {
    const auto example = [&](const RepeatedImages::Pair& pair) {
        const auto [one, other] = pair;
        return fmt::format("{} is {}", described(identity.images[static_cast<size_t>(one)], identity),
                           described(identity.images[static_cast<size_t>(other)], identity));
    };
    std::vector<std::string> sentences;
    if (const auto& pairs = repeated.trained_on; !pairs.empty()) {
        const bool one = pairs.size() == 1;
        sentences.push_back(fmt::format(
            "{} of {} validation images {} among the training images, too, pixel by pixel ({}): what is "
            "measured on {} is memory",
            pairs.size(), identity.count(Part::validation), one ? "is" : "are", example(pairs.front()),
            one ? "it" : "them"));
    }
    if (const auto& pairs = repeated.contradictory; !pairs.empty()) {
        sentences.push_back(fmt::format(
            "{} images are, pixel by pixel, images of another class, too ({}): no model gets both right",
            pairs.size(), example(pairs.front())));
    }
    return sentences;
}

}  // namespace vitrine
