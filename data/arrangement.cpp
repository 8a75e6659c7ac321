// How a run goes on with a data set that has changed: see dataset_changes.h.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "data/dataset_changes.h"
#include "engine/error.h"

namespace vitrine {
namespace {

/// The names of the run's classes now, by their numbers then.
std::vector<std::string> renamed_classes(const DatasetIdentity& earlier, const DatasetIdentity& now,
                                         const std::vector<int32_t>& numbers) {
    if (now.classes.size() != earlier.classes.size())
        throw Error(
            fmt::format("the run's model knows {} classes, but the data have {} now: start another run",
                        earlier.classes.size(), now.classes.size()));
    std::vector<std::string> names(earlier.classes.size());
    for (size_t i = 0; i < numbers.size(); ++i) {
        if (numbers[i] < 0)
            throw Error(
                fmt::format("the class '{}' is none of those that the run's model knows: start another run",
                            now.classes[i]));
        names[static_cast<size_t>(numbers[i])] = now.classes[i];
    }
    return names;
}

class PartChoice {
  public:
    PartChoice(const DatasetIdentity& earlier, const DatasetIdentity& now, const DatasetChanges& changes)
        : earlier_(earlier), now_(now), changes_(changes) {
        validation_is_left_ = std::ranges::any_of(changes.matches, [&](const ImageMatch& match) {
            return match.earlier >= 0 &&
                   earlier_.images[static_cast<size_t>(match.earlier)].part == Part::validation;
        });
    }

    Part of(size_t i) const {
        const ImageMatch& match = changes_.matches[i];
        const Part drawn = now_.images[i].part;
        if (match.earlier < 0) return drawn == Part::validation && keeps_held_out() ? Part::training : drawn;
        const Part kept = earlier_.images[static_cast<size_t>(match.earlier)].part;
        if (kept == Part::validation || earlier_.draw.subset == now_.draw.subset) return kept;
        return drawn == Part::left_out ? Part::left_out : Part::training;
    }

  private:
    bool keeps_held_out() const { return now_.draw.validation > 0.0 && validation_is_left_; }

    const DatasetIdentity& earlier_;
    const DatasetIdentity& now_;
    const DatasetChanges& changes_;
    bool validation_is_left_ = false;
};

bool share_pixels(const ImageSet& first, const ImageSet& second) {
    return first.count == 0 || second.count == 0 || first.pixels.data == second.pixels.data;
}

/// The samples of `pool` that belong to `part`, in the order of their rows, with their labels.
ImageSet chosen(const ImageSet& pool, Part part, const Arrangement& arrangement) {
    std::vector<int64_t> samples;
    for (int64_t i = 0; i < pool.count; ++i) {
        if (arrangement.images.at(pool.name(i)).part == part) samples.push_back(i);
    }
    std::ranges::sort(samples, {}, [&](int64_t i) { return pool.rows[static_cast<size_t>(i)]; });
    ImageSet set = pool.select(samples);
    for (int64_t i = 0; i < set.count; ++i)
        set.labels[static_cast<size_t>(i)] = arrangement.images.at(set.name(i)).label;
    return set;
}

bool is_rearrangement(const Dataset& dataset, const Arrangement& arrangement) {
    for (const auto& [set, part] : {std::pair{&dataset.train, Part::training},
                                    {&dataset.validation, Part::validation},
                                    {&dataset.left_out, Part::left_out}}) {
        for (int64_t i = 0; i < set->count; ++i) {
            if (arrangement.images.at(set->name(i)).part != part) return true;
        }
    }
    return false;
}

void check_parts(const Dataset& dataset) {
    std::vector<bool> present(dataset.class_names.size(), false);
    for (const int32_t label : dataset.train.labels) present[static_cast<size_t>(label)] = true;
    const auto missing = std::ranges::find(present, false);
    if (missing != present.end())
        throw Error(fmt::format("no training image is left of the class '{}'",
                                dataset.class_names[static_cast<size_t>(missing - present.begin())]));
    if (dataset.validation.count == 0) throw Error("none of the run's validation images is left");
}

}  // namespace

Arrangement keep_parts(const DatasetIdentity& earlier, const DatasetIdentity& now,
                       const DatasetChanges& changes) {
    Arrangement arrangement{renamed_classes(earlier, now, changes.classes), {}};
    const PartChoice part(earlier, now, changes);
    for (size_t i = 0; i < now.images.size(); ++i) {
        const KnownImage& image = now.images[i];
        arrangement.images[image.name] = {part.of(i), changes.classes[static_cast<size_t>(image.label)]};
    }
    return arrangement;
}

Dataset arranged(const Dataset& dataset, const Arrangement& arrangement) {
    const ImageSet training = joined(dataset.train, dataset.left_out);
    const auto belongs = [&](const ImageSet& set, int64_t i, bool to_validation) {
        return (arrangement.images.at(set.name(i)).part == Part::validation) == to_validation;
    };
    bool crossing = false;  // of images between training and validation
    for (int64_t i = 0; i < training.count; ++i) crossing = crossing || !belongs(training, i, false);
    for (int64_t i = 0; i < dataset.validation.count; ++i)
        crossing = crossing || !belongs(dataset.validation, i, true);

    Dataset result = dataset;
    result.draw.rearranged = is_rearrangement(dataset, arrangement);
    result.class_names = arrangement.classes;
    const bool one_pool = crossing || share_pixels(training, dataset.validation);
    const ImageSet pool = one_pool ? joined(training, dataset.validation) : training;
    result.train = chosen(pool, Part::training, arrangement);
    result.left_out = chosen(pool, Part::left_out, arrangement);
    result.validation = chosen(one_pool ? pool : dataset.validation, Part::validation, arrangement);
    check_parts(result);
    result.statistics = channel_statistics(result.train);
    return result;
}

}  // namespace vitrine
