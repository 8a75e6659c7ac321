// The data of a run: see run_data.h.

#include "tools/train/run_data.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/dataset_changes.h"
#include "engine/error.h"
#include "tools/train/setup.h"

namespace vitrine::train {
namespace {

constexpr const char* tensor_name = "data";

/// Whether its pixels can be compared with those that the run knows.
bool is_read_alike(const Dataset& dataset, const DatasetIdentity& identity) {
    return dataset.train.height == identity.height && dataset.train.width == identity.width &&
           dataset.keeping == identity.keeping && dataset.exif_orientation == identity.exif_orientation;
}

Dataset read_as_known(Options options, const DatasetIdentity& identity, Reporter& reporter) {
    options.recipe.data.exif_orientation = identity.exif_orientation;
    return read_data(options, kept_as(identity.keeping, identity.height, identity.width), reporter);
}

int64_t count_new(const DatasetIdentity& now, const DatasetChanges& changes, const Arrangement& arrangement,
                  Part part) {
    int64_t count = 0;
    for (size_t i = 0; i < now.images.size(); ++i) {
        count += changes.matches[i].how == Sameness::fresh &&
                 arrangement.images.at(now.images[i].name).part == part;
    }
    return count;
}

bool validates_the_same(const DatasetIdentity& known, const DatasetIdentity& now,
                        const DatasetChanges& changes, const Arrangement& arrangement) {
    int64_t kept = 0, now_validated = 0;
    for (size_t i = 0; i < now.images.size(); ++i) {
        if (arrangement.images.at(now.images[i].name).part != Part::validation) continue;
        ++now_validated;
        const Sameness how = changes.matches[i].how;
        const auto earlier = static_cast<size_t>(changes.matches[i].earlier);
        kept += (how == Sameness::same || how == Sameness::moved) &&
                known.images[earlier].label == arrangement.images.at(now.images[i].name).label;
    }
    return kept == now_validated && kept == known.count(Part::validation);
}

std::string consequences(const DatasetIdentity& known, const DatasetIdentity& now,
                         const DatasetChanges& changes, const Arrangement& arrangement) {
    std::string text = "images that the run knows stay training or validation images as they were";
    for (const auto& [part, become] : {std::pair{Part::training, "training images"},
                                       {Part::validation, "validation images"},
                                       {Part::left_out, "left out of the subset"}}) {
        if (const int64_t count = count_new(now, changes, arrangement, part); count > 0)
            text += fmt::format("; of those that are new, {} {} {}", count, count == 1 ? "becomes" : "become",
                                become);
    }
    if (!validates_the_same(known, now, changes, arrangement))
        text +=
            "; the validation images are others than before, so that val_accuracy before and after cannot be "
            "compared";
    return text;
}

[[noreturn]] void refuse(const std::filesystem::path& folder, const DatasetChanges& changes,
                         const std::string& obstacle) {
    const std::string way_out =
        obstacle.empty()
            ? "put them back, go on all the same with --allow-changes (what was a training or a "
              "validation image stays one), replace the run with --overwrite, or choose another folder"
            : obstacle;
    throw Error(fmt::format("--out {}: the data are not those of the run there: {}; {}", folder.string(),
                            fmt::join(changes.clauses, ", "), way_out));
}

/// Where each image belongs in a run that knows these data as `known`.
Arrangement settle(const Options& options, const std::filesystem::path& folder, const DatasetIdentity& known,
                   const Dataset& dataset, Reporter& reporter, bool& changed) {
    const DatasetIdentity now = identity_of(dataset, options.threads);
    const DatasetChanges changes = changes_between(known, now, dataset.skipped);
    changed = !changes.clauses.empty();
    Arrangement arrangement;
    try {
        arrangement = keep_parts(known, now, changes);
        arranged(dataset, arrangement);  // whether it can be
    } catch (const Error& error) {
        refuse(folder, changes, error.what());
    }
    if (changed && options.existing != Existing::allow_changes) refuse(folder, changes, "");
    if (changed)
        reporter.notice(fmt::format("the data have changed: {}; {}", fmt::join(changes.clauses, ", "),
                                    consequences(known, now, changes, arrangement)));
    if (known.draw.validation > 0.0 && known.draw.validation != now.draw.validation)
        reporter.notice(
            "the run goes on with the validation images that it held out at its beginning; the share to "
            "hold out decides of new runs only");
    return arrangement;
}

}  // namespace

std::optional<DatasetIdentity> known_data(const SafeTensors& checkpoint, const std::string& source,
                                          Reporter& reporter) {
    const SafeTensor* tensor = checkpoint.find(tensor_name);
    if (tensor == nullptr) {
        reporter.notice(
            fmt::format("{} is of an earlier version and does not say which images the run was trained "
                        "on: that they are the same is not checked",
                        source));
        return std::nullopt;
    }
    try {
        return unpack_identity(tensor->bytes);
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", source, error.what()));
    }
}

RunData load_run_data(const Options& options, const std::filesystem::path& folder,
                      const std::optional<DatasetIdentity>& known, Reporter& reporter) {
    RunData data{read_data(options, keeping_of(options.recipe.data), reporter)};
    if (known) {
        const Dataset as_known =
            is_read_alike(data.dataset, *known) ? data.dataset : read_as_known(options, *known, reporter);
        data.dataset =
            arranged(data.dataset, settle(options, folder, *known, as_known, reporter, data.changed));
    }
    report_data(data.dataset, &options.recipe.training, reporter);
    return data;
}

SafeTensor data_tensor(const DatasetIdentity& identity) {
    const std::string bytes = pack(identity);
    return {tensor_name, "U8", {static_cast<int64_t>(bytes.size())}, bytes};
}

}  // namespace vitrine::train
