// What another recipe means to a run that has come some way: see recipe_change.h.

#include "tools/train/recipe_change.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>

#include "engine/error.h"
#include "models/models.h"

namespace vitrine::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* data_path = "data.path";
constexpr const char* init_file = "model.init";
constexpr const char* init_optimizer = "model.init_optimizer";
constexpr const char* sampler = "training.sampler";  // or a place in its table

/// Written alike but for "./" and a '/' at its end, or the same as seen from here.
bool same_place(const std::string& a, const std::string& b) {
    if (a.empty() || b.empty()) return a == b;
    const auto plain = [](const std::string& path) {
        const fs::path normal = (fs::path(path) / "").lexically_normal();
        return normal;
    };
    if (plain(a) == plain(b)) return true;
    std::error_code failure;
    return fs::equivalent(a, b, failure);
}

/// A place such as "phase.2.scheduler.gamma".
struct PhaseKey {
    int64_t phase;  // counted from 0
    std::string_view key;
};

std::optional<PhaseKey> phase_key(std::string_view place) {
    constexpr std::string_view prefix = "phase.";
    if (!place.starts_with(prefix)) return std::nullopt;
    place.remove_prefix(prefix.size());
    int64_t number = 0;
    const auto [end, failure] = std::from_chars(place.data(), place.data() + place.size(), number);
    if (failure != std::errc()) return std::nullopt;
    place.remove_prefix(static_cast<size_t>(end - place.data()) + 1);
    return PhaseKey{number - 1, place};
}

bool is_over(const recipe::Recipe& recipe, int64_t phase, int64_t epochs, int64_t without_better) {
    const int64_t patience = recipe.training.early_stopping;
    return epochs >= recipe.phases[static_cast<size_t>(phase)].epochs ||
           (patience > 0 && without_better >= patience);
}

/// Whether no other weights fit.
bool is_of_weights(const std::string& place) {
    return place == "model.name" ||
           std::ranges::any_of(models::all_model_options(), [&](const models::ModelOption& option) {
               return option.of_weights && place == fmt::format("model.{}", option.key);
           });
}

/// Why a change is one of the past; nothing where it is not.
std::optional<std::string> conflict(const recipe::Difference& change, const recipe::Recipe& now,
                                    const Progress& progress) {
    if (change.place == "seed") return "has drawn what was trained so far";
    if (is_of_weights(change.place)) return "is that of the weights";
    if (change.place == init_file || change.place == init_optimizer) return "is what the run began with";
    const std::optional<PhaseKey> at = phase_key(change.place);
    if (!at || at->phase > progress.phase()) return std::nullopt;
    if (at->phase < progress.phase()) return fmt::format("belongs to phase {}, which is over", at->phase + 1);
    if (progress.at_phase_start()) return std::nullopt;
    if (at->phase >= std::ssize(now.phases))
        return fmt::format("belongs to phase {}, which has begun", at->phase + 1);
    if (at->key == "name" || at->key == "start_from" || at->key == "reset_momentum")
        return fmt::format("belongs to the beginning of phase {}, which is over", at->phase + 1);
    const int64_t begun = progress.phase_epoch() + (progress.batch > 0 ? 1 : 0);
    if (at->key == "epochs" && now.phases[static_cast<size_t>(at->phase)].epochs < begun)
        return fmt::format("is fewer than the {} that have begun", begun);
    return std::nullopt;
}

}  // namespace

std::vector<recipe::Difference> changes_of(const recipe::Recipe& before, const recipe::Recipe& now) {
    std::vector<recipe::Difference> changes = recipe::differences(to_toml(before), to_toml(now));
    std::erase_if(changes, [&](const recipe::Difference& change) {
        return (change.place == data_path && same_place(before.data.path, now.data.path)) ||
               (change.place == init_file && same_place(before.model.init, now.model.init));
    });
    return changes;
}

std::string list_of(const std::vector<recipe::Difference>& changes) {
    constexpr size_t most = 8;  // more would bury the sentence
    std::vector<std::string> texts;
    for (const recipe::Difference& change : changes) texts.push_back(change.to_string());
    const size_t more = texts.size() - std::min(texts.size(), most);
    texts.resize(texts.size() - more);
    return fmt::format("{}{}", fmt::join(texts, ", "), more == 0 ? "" : fmt::format(" and {} more", more));
}

void accept_changes(const std::vector<recipe::Difference>& changes, const recipe::Recipe& now,
                    Progress& progress) {
    if (progress.at_phase_start() && progress.phase() > 0 &&
        progress.phase() <= static_cast<int64_t>(now.phases.size())) {
        Progress reopened = progress;
        reopened.phase_ends.pop_back();
        if (!is_over(now, reopened.phase(), reopened.phase_epoch(), reopened.epochs_without_better()))
            progress = reopened;
    }
    for (const recipe::Difference& change : changes) {
        if (const std::optional<std::string> why = conflict(change, now, progress))
            throw Error(
                fmt::format("{}, but it {}; leave it as it was, replace the run with --overwrite, or choose "
                            "another folder",
                            change.to_string(), *why));
    }
    if (!progress.at_phase_start() && progress.batch == 0 &&
        is_over(now, progress.phase(), progress.phase_epoch(), progress.epochs_without_better()))
        progress.phase_ends.push_back(progress.epoch);
}

bool change_batches(const std::vector<recipe::Difference>& changes) {
    return std::ranges::any_of(changes, [](const recipe::Difference& change) {
        return change.place == "training.batch_size" || change.place == "training.accumulate" ||
               change.place.starts_with(sampler) ||
               (change.place.starts_with("data.") && change.place != data_path);
    });
}

}  // namespace vitrine::train
