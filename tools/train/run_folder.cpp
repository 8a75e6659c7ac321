// The folder of a run: see run_folder.h.

#include "tools/train/run_folder.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "engine/atomic_file.h"
#include "engine/checkpoint.h"
#include "engine/error.h"
#include "tools/recipe/recipe_file.h"
#include "tools/train/run_state.h"

namespace vitrine::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* recipe_file = "recipe.toml";
constexpr const char* settings_file = "run.json";
/// All that is removed by Existing::overwrite, beside the checkpoints.
constexpr std::array run_files{settings_file,     "metrics.jsonl",    "steps.jsonl",
                               "timing.jsonl",    "last.safetensors", "best.safetensors",
                               "validation.json", "report.html",      "preview.png"};
constexpr size_t named_differences = 8;  // more would bury the sentence

void check_same_recipe(const fs::path& path, const std::string& recipe) {
    const std::string there = read_file(path / recipe_file);
    std::vector<std::string> changes = recipe::differences(there, recipe);
    if (changes.empty()) return;
    const size_t more = changes.size() - std::min(changes.size(), named_differences);
    changes.resize(changes.size() - more);
    throw Error(fmt::format(
        "--out {}: the run there has another recipe: {}{}; go on all the same with "
        "--allow-changes, replace it with --overwrite, or choose another folder",
        path.string(), fmt::join(changes, ", "), more == 0 ? "" : fmt::format(" and {} more", more)));
}

}  // namespace

void check_run_folder(const fs::path& path, Existing existing, const std::string& recipe) {
    if (existing == Existing::overwrite) return;
    std::error_code failure;
    if (fs::exists(path / recipe_file, failure)) {
        if (existing == Existing::resume) check_same_recipe(path, recipe);
        return;
    }
    for (const char* file : run_files) {
        if (fs::exists(path / file, failure))
            throw Error(
                fmt::format("--out {}: there is a {} but no {}, so it cannot be gone on with; choose "
                            "another folder, or replace it with --overwrite",
                            path.string(), file, recipe_file));
    }
}

RunFolder::RunFolder(fs::path path, Existing existing, const std::string& recipe, int64_t keep_checkpoints)
    : path_(std::move(path)),
      checkpoints_(path_ / "checkpoints", keep_checkpoints),
      metrics_(path_ / "metrics.jsonl"),
      steps_(path_ / "steps.jsonl"),
      timing_(path_ / "timing.jsonl") {
    check_run_folder(path_, existing, recipe);
    std::error_code failure;
    fs::create_directories(path_ / "checkpoints", failure);
    if (failure)
        throw Error(
            fmt::format("--out {}: cannot create the folder ({})", path_.string(), failure.message()));
    if (existing == Existing::overwrite) {
        // The recipe last: a run that is killed here is still one to be replaced, not one to go on with.
        checkpoints_.clear();
        for (const char* file : run_files) fs::remove(path_ / file, failure);
    }
    write_atomically(path_ / recipe_file, {recipe});
}

void RunFolder::write_settings(Json settings) const {
    std::error_code failure;
    if (fs::exists(path_ / settings_file, failure)) {
        const Json before = Json::parse(read_file(path_ / settings_file), nullptr, false);
        if (before.is_object() && before.contains("started")) settings["started"] = before["started"];
    }
    write_atomically(path_ / settings_file,
                     {settings.dump(4, ' ', false, Json::error_handler_t::replace) + "\n"});
}

std::optional<SafeTensors> RunFolder::newest_checkpoint(Reporter& reporter) const {
    return checkpoints_.newest([&](const std::string& sentence) { reporter.notice(sentence); });
}

void RunFolder::cut_logs(const Progress& progress) {
    metrics_.cut(progress.metrics_bytes);
    steps_.cut(progress.steps_bytes);
    timing_.cut(progress.timing_bytes);
}

void RunFolder::add_step(const Json& line) { steps_.append(line.dump()); }

void RunFolder::add_epoch(const EpochMetrics& metrics, const EpochTiming& timing) {
    metrics_.append(to_json(metrics).dump());
    timing_.append(to_json(timing).dump());
}

bool RunFolder::try_to(const std::function<void()>& write, Reporter& reporter) {
    try {
        write();
        failing_ = false;
        return true;
    } catch (const Error& error) {
        if (!failing_)
            reporter.notice(
                fmt::format("{}; the run goes on, and what was written before is whole", error.what()));
        failing_ = true;
        return false;
    }
}

bool RunFolder::save_checkpoint(Progress& progress, const std::function<SafeTensors()>& make_state,
                                Reporter& reporter) {
    SafeTensors checkpoint = make_state();
    return try_to(
        [&] {
            // The checkpoint says how long the logs are: they must be on the disk before it.
            for (LineLog* log : {&metrics_, &steps_, &timing_}) {
                if (!log->flush())
                    throw Error(
                        fmt::format("cannot write the logs in {}: {}", path_.string(), std::strerror(errno)));
            }
            progress.metrics_bytes = metrics_.bytes();
            progress.steps_bytes = steps_.bytes();
            progress.timing_bytes = timing_.bytes();
            progress.recent_bests.push_back(progress.best.epoch() ? progress.best.epoch()->epoch : 0);
            if (progress.recent_bests.size() > checkpoints_.kept())
                progress.recent_bests.erase(progress.recent_bests.begin());
            put_progress(checkpoint, progress);
            checkpoints_.save(progress.step, std::move(checkpoint));
            remove_old_bests(progress);
        },
        reporter);
}

void RunFolder::save_last(nn::Module& model, const std::map<std::string, std::string>& metadata,
                          Reporter& reporter) {
    try_to([&] { save_model(path_ / "last.safetensors", model, metadata); }, reporter);
}

fs::path RunFolder::best_file(int64_t epoch) const {
    return path_ / "checkpoints" / fmt::format("best-epoch-{}.safetensors", epoch);
}

void RunFolder::save_best(nn::Module& model, int64_t epoch,
                          const std::map<std::string, std::string>& metadata, Reporter& reporter) {
    try_to(
        [&] {
            save_model(best_file(epoch), model, metadata);
            save_model(path_ / "best.safetensors", model, metadata);
        },
        reporter);
}

void RunFolder::load_best(nn::Module& model, int64_t epoch) const {
    const fs::path file = best_file(epoch);
    load_model_state(model, read_safetensors(file), file.string());
}

void RunFolder::remove_old_bests(const Progress& progress) const {
    std::error_code failure;
    for (const fs::directory_entry& entry : fs::directory_iterator(path_ / "checkpoints", failure)) {
        const std::string name = entry.path().filename().string();
        const bool wanted = std::ranges::any_of(
            progress.recent_bests, [&](int64_t epoch) { return best_file(epoch).filename() == name; });
        if (name.starts_with("best-epoch-") && !wanted) fs::remove(entry.path(), failure);
    }
}

void RunFolder::write_mistakes(const Json& mistakes, Reporter& reporter) {
    try_to([&] { write_atomically(path_ / "validation.json", {mistakes.dump()}); }, reporter);
}

}  // namespace vitrine::train
