// Where a run goes on: see resumption.h.

#include "tools/train/resumption.h"

#include <fmt/format.h>

#include <utility>

#include "engine/error.h"
#include "engine/parse_json.h"
#include "engine/parse_toml.h"
#include "tools/recipe/recipe_file.h"
#include "tools/train/own_files.h"
#include "tools/train/progress_check.h"
#include "tools/train/recipe_change.h"
#include "tools/train/run_state.h"

namespace vitrine::train {
namespace {

constexpr size_t largest_line = 1 << 16;  // of a log

template <class Record>
std::vector<Record> read_records(const std::vector<std::string>& lines, Record (*from_json)(const Json&),
                                 int64_t count, const std::string& file) {
    if (std::ssize(lines) < count)
        throw Error(fmt::format("{} has {} whole lines, but {} epochs are done: lines were removed", file,
                                lines.size(), count));
    std::vector<Record> records;
    for (int64_t i = 0; i < count; ++i) {
        try {
            records.push_back(
                from_json(parse_json<Json>(lines[static_cast<size_t>(i)], {.bytes = largest_line})));
        } catch (const std::exception& error) {
            throw Error(fmt::format("{}, line {} cannot be read: {}", file, i + 1, error.what()));
        }
        if (records.back().epoch != i + 1)
            throw Error(fmt::format("{}, line {} is of another epoch", file, i + 1));
    }
    return records;
}

/// As far as the checkpoint knows them: its counters, its recipe, and what the logs say of the same epochs.
recipe::Recipe read_claims(Resumption& resumption, const RunFolder& folder) {
    Progress& progress = resumption.progress = progress_in(resumption.checkpoint);
    const recipe::Recipe recipe =
        recipe::parse_recipe(parse_toml(recipe_in(resumption.checkpoint), "its recipe"), "its recipe");
    const Logs logs = folder.logs();
    resumption.epochs = read_records(logs.metrics, metrics_from_json, progress.epoch, metrics_file);
    resumption.timings = read_records(logs.timing, timing_from_json, progress.epoch, timing_file);
    for (const EpochMetrics& epoch : resumption.epochs) progress.best.update(epoch);
    check_progress(progress, recipe, resumption.epochs);
    return recipe;
}

[[noreturn]] void refuse_changes(const RunFolder& folder, const std::vector<recipe::Difference>& changes) {
    throw Error(fmt::format(
        "--out {}: the run there has another recipe: {}; go on all the same with --allow-changes, "
        "replace it with --overwrite, or choose another folder",
        folder.path().string(), list_of(changes)));
}

void refuse_run_without_checkpoint(const RunFolder& folder, const std::string& trace) {
    throw Error(fmt::format(
        "--out {}: there is a {} but no checkpoint to go on with; replace the run with --overwrite, "
        "or choose another folder",
        folder.path().string(), trace));
}

/// Of a run that was killed before its first checkpoint.
void check_recipe_file(const RunFolder& folder, const recipe::Recipe& recipe) {
    const std::optional<std::string> text = folder.recipe();
    if (!text) return;
    const std::string source = (folder.path() / recipe_file).string();
    const recipe::Recipe there = recipe::parse_recipe(parse_toml(*text, source), source);
    if (const auto changes = changes_of(there, recipe); !changes.empty()) refuse_changes(folder, changes);
}

/// The last epoch of a finished run says so in metrics.jsonl, and no other does.
Resumption with_ending(Resumption resumption, const recipe::Recipe& recipe) {
    resumption.finished = resumption.progress.phase() >= std::ssize(recipe.phases);
    if (!resumption.epochs.empty()) resumption.epochs.back().ends_run = resumption.finished;
    return resumption;
}

}  // namespace

std::optional<Resumption> find_resumption(const RunFolder& folder, const recipe::Recipe& recipe,
                                          Existing existing, Reporter& reporter) {
    std::optional<StoredCheckpoint> checkpoint = folder.newest_checkpoint(reporter);
    if (!checkpoint) {
        if (const auto trace = trace_of_training(folder.path()))
            refuse_run_without_checkpoint(folder, *trace);
        if (existing == Existing::resume) check_recipe_file(folder, recipe);
        return std::nullopt;
    }
    if (!folder.recipe())
        throw Error(
            fmt::format("--out {}: there is a run but no {}, so it cannot be gone on with; replace it with "
                        "--overwrite, or choose another folder",
                        folder.path().string(), recipe_file));
    Resumption resumption;
    resumption.source = checkpoint->file.string();
    resumption.checkpoint = std::move(checkpoint->content);
    std::vector<recipe::Difference> changes;
    try {
        changes = changes_of(read_claims(resumption, folder), recipe);
    } catch (const Error& error) {
        throw Error(
            fmt::format("--out {}: {} cannot be gone on with: {}; remove it to go on with the one before it, "
                        "replace the run with --overwrite, or choose another folder",
                        folder.path().string(), resumption.source, error.what()));
    }
    if (changes.empty()) return with_ending(std::move(resumption), recipe);
    if (existing == Existing::resume) refuse_changes(folder, changes);
    if (resumption.progress.step == 0) {
        reporter.notice("nothing has been trained yet: the run begins afresh with the recipe as it is now");
        return std::nullopt;
    }
    try {
        accept_changes(changes, recipe, resumption.progress);
    } catch (const Error& error) {
        throw Error(fmt::format("--out {}: {}", folder.path().string(), error.what()));
    }
    resumption.changed = true;
    resumption.new_batches = change_batches(changes);
    reporter.notice(fmt::format("--allow-changes: from here on {}", list_of(changes)));
    return with_ending(std::move(resumption), recipe);
}

void fit_to_plan(Resumption& resumption, const RunPlan& plan, Existing existing, Reporter& reporter) {
    Progress& progress = resumption.progress;
    const bool other_count = progress.batches_per_epoch != plan.batches_per_epoch;
    if (other_count && existing != Existing::allow_changes)
        throw Error(fmt::format(
            "{}: an epoch had {} batches there, but has {} of these data: the training images are "
            "others; put them back, or go on with --allow-changes",
            resumption.source, progress.batches_per_epoch, plan.batches_per_epoch));
    resumption.changed |= other_count;
    if (!other_count && !resumption.new_batches) return;
    if (progress.batch > 0)
        reporter.notice(
            fmt::format("epoch {} begins again, because its batches are others now; what its first {} "
                        "batches did to the weights stays",
                        progress.epoch + 1, progress.batch));
    progress.step = resumption.epochs.empty() ? 0 : resumption.epochs.back().step;
    progress.skipped_steps = std::min(progress.skipped_steps, progress.step);
    progress.batch = 0;
    progress.batches_per_epoch = plan.batches_per_epoch;
    progress.scores = {};
    progress.logged_loss = {};
}

}  // namespace vitrine::train
