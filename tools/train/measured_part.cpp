// Which images --eval-only measures: see measured_part.h.

#include "tools/train/measured_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/error.h"
#include "tools/train/setup.h"

namespace vitrine::train {
namespace {

using Names = std::set<std::string>;

/// What the model's run knows of the images that are there: their names now.
struct KnownNames {
    Names training;    // trained on, copies included
    Names validation;  // held out
};

KnownNames known_names(const TrainedOn& memory, const Dataset& dataset) {
    std::vector<ImageKey> earlier = memory.training, now;
    earlier.insert(earlier.end(), memory.validation.begin(), memory.validation.end());
    const DatasetIdentity identity = identity_of(dataset);
    for (const KnownImage& image : identity.images) now.push_back({name_hash(image.name), image.pixels});
    const std::vector<ImageMatch> matches = match_images(earlier, now);
    KnownNames known;
    for (size_t i = 0; i < now.size(); ++i) {
        const bool alike = matches[i].how == Sameness::same || matches[i].how == Sameness::moved;
        const bool trained = matches[i].earlier < std::ssize(memory.training);
        if (trained && (alike || matches[i].how == Sameness::copy))
            known.training.insert(identity.images[i].name);
        if (!trained && alike) known.validation.insert(identity.images[i].name);
    }
    return known;
}

ImageSet chosen(const ImageSet& set, const Names& names) {
    std::vector<int64_t> samples;
    for (int64_t i = 0; i < set.count; ++i) {
        if (names.contains(set.name(i))) samples.push_back(i);
    }
    return set.select(samples);
}

Names names_of(const ImageSet& set) {
    Names names;
    for (int64_t i = 0; i < set.count; ++i) names.insert(set.name(i));
    return names;
}

class Choice {
  public:
    Choice(const Options& options, const std::optional<TrainedOn>& memory, const Dataset& dataset,
           Reporter& reporter)
        : options_(options), memory_(memory), dataset_(dataset), reporter_(reporter) {
        if (!memory) {
            tell_of_ignorance();
            return;
        }
        read_alike_ = dataset.train.height == memory->height && dataset.train.width == memory->width &&
                      dataset.exif_orientation == memory->exif_orientation &&
                      dataset.keeping == memory->keeping;
        if (memory->drawn) known_ = known_names(*memory, read_alike_ ? dataset : read_as_remembered());
    }

    ImageSet make() const {
        const bool asked_for_share = dataset_.draw.validation > 0.0;
        const bool own_validation = dataset_.validation.count > 0 && !asked_for_share;
        if (own_validation) return of_own_parts();
        if (is_of_the_run()) return of_the_run(asked_for_share);
        return asked_for_share ? of_drawn_parts() : of_one_folder();
    }

  private:
    Dataset read_as_remembered() const {
        Options options = options_;
        options.recipe.data.exif_orientation = memory_->exif_orientation;
        return read_data(options, kept_as(memory_->keeping, memory_->height, memory_->width), reporter_);
    }
    ImageSet all() const { return joined(joined(dataset_.train, dataset_.left_out), dataset_.validation); }
    /// Whether this is the folder of which the run has held images out, and not one of which it knows a few.
    bool is_of_the_run() const {
        if (!memory_ || !memory_->drawn) return false;
        const bool all_held_out = known_.validation.size() == memory_->validation.size();
        return all_held_out ||
               2 * std::ssize(known_.training) + 2 * std::ssize(known_.validation) > all().count;
    }
    Split split_or(Split by_default) const { return options_.split.value_or(by_default); }

    ImageSet of_own_parts() const {
        switch (split_or(Split::val)) {
            case Split::val:
                compare_validation();
                return tell_of_trained(dataset_.validation);
            case Split::train:
                if (!known_.training.empty())
                    return the_same(known_.training, memory_->training, "trained on");
                return dataset_.train;
            case Split::all:
                return tell_of_trained(all());
        }
        return {};
    }

    ImageSet of_the_run(bool asked_for_share) const {
        if (asked_for_share && names_of(dataset_.validation) != known_.validation)
            throw Error(
                fmt::format("--validation {}: {} has held out other images of these data; leave --validation "
                            "(and --seed) away to measure those",
                            dataset_.draw.validation, options_.eval_only));
        switch (split_or(Split::val)) {
            case Split::val:
                reporter_.notice("the images that the run held out are measured");
                return the_same(known_.validation, memory_->validation, "held out");
            case Split::train:
                return the_same(known_.training, memory_->training, "trained on");
            case Split::all:
                return tell_of_trained(all());
        }
        return {};
    }

    /// Images of which a run has held out none.
    ImageSet of_drawn_parts() const {
        switch (split_or(Split::val)) {
            case Split::val:
                return tell_of_trained(dataset_.validation);
            case Split::train:
                return joined(dataset_.train, dataset_.left_out);
            case Split::all:
                return tell_of_trained(all());
        }
        return {};
    }

    ImageSet of_one_folder() const {
        switch (split_or(Split::all)) {
            case Split::val:
                throw Error(fmt::format(
                    "--split val: the data have no validation images of their own, and {} does not "
                    "know them as ones that it held out; --validation SHARE holds some out, --split "
                    "all measures all",
                    options_.eval_only));
            case Split::train:
                if (known_.training.empty())
                    throw Error(
                        fmt::format("--split train: {} does not know these data as those that it was trained "
                                    "on; --split all measures all of them",
                                    options_.eval_only));
                return the_same(known_.training, memory_->training, "trained on");
            case Split::all:
                if (!options_.split) reporter_.notice(fmt::format("all {} images are measured", all().count));
                return tell_of_trained(all());
        }
        return {};
    }

    /// The images with these names, which must be all that the run had.
    ImageSet the_same(const Names& names, const std::vector<ImageKey>& wanted, const char* what) const {
        ImageSet set = chosen(all(), names);
        if (set.count >= std::ssize(wanted)) return set;
        throw Error(fmt::format(
            "{} of the {} images that {} was {} are not there, or not as they were; put them back, "
            "or measure all that are there with --split all",
            std::ssize(wanted) - set.count, wanted.size(), options_.eval_only, what));
    }

    /// Where only the number and the pixels of the run's validation images are known.
    void compare_validation() const {
        if (!memory_ || !read_alike_) return;
        if (pixels_of(identity_of(dataset_), Part::validation) != memory_->validation_pixels)
            reporter_.notice(
                fmt::format("the {} validation images of the data are not the {} that {} was judged by",
                            dataset_.validation.count, memory_->validation_images, options_.eval_only));
    }

    ImageSet tell_of_trained(ImageSet set) const {
        const int64_t count = trained_among(set);
        if (count > 0)
            reporter_.notice(
                fmt::format("{} of the {} images that are measured are ones that the model was trained "
                            "on: it knows them",
                            count, set.count));
        return set;
    }

    void tell_of_ignorance() const {
        if (dataset_.validation.count > 0 && split_or(Split::val) == Split::val &&
            dataset_.draw.validation == 0.0)
            return;
        reporter_.notice(
            fmt::format("{} does not say which images it was trained on: they may be among those that are "
                        "measured",
                        options_.eval_only));
    }

    int64_t trained_among(const ImageSet& set) const {
        if (!memory_) return 0;
        if (memory_->drawn) return chosen(set, known_.training).count;
        // Only all of them together can be known again.
        const bool has_all =
            read_alike_ && pixels_of(identity_of(dataset_), Part::training) == memory_->training_pixels;
        return has_all ? chosen(set, names_of(dataset_.train)).count : 0;
    }

    const Options& options_;
    const std::optional<TrainedOn>& memory_;
    const Dataset& dataset_;
    Reporter& reporter_;
    bool read_alike_ = false;
    KnownNames known_;
};

}  // namespace

ImageSet measured_part(const Options& options, const std::optional<TrainedOn>& memory, const Dataset& dataset,
                       Reporter& reporter) {
    return Choice(options, memory, dataset, reporter).make();
}

}  // namespace vitrine::train
