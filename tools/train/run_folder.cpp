// The folder of a run: see run_folder.h.

#include "tools/train/run_folder.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/atomic_file.h"
#include "engine/checkpoint.h"
#include "engine/error.h"
#include "engine/parse_json.h"
#include "tools/train/own_files.h"
#include "tools/train/run_state.h"

namespace vitrine::train {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t largest_recipe = 16 << 20, largest_settings = 256 << 20, largest_line = 1 << 20;

bool is_there(const fs::path& path) {
    std::error_code failure;
    return fs::exists(fs::symlink_status(path, failure));
}

template <class Record>
std::vector<std::string> lines_of(const std::vector<Record>& records) {
    std::vector<std::string> lines;
    for (const Record& record : records) lines.push_back(to_json(record).dump());
    return lines;
}

std::pair<dev_t, ino_t> identity_of(const fs::path& folder) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) return {};
    return {status.st_dev, status.st_ino};
}

/// Nothing where it is no object.
Json read_object(const std::string& text, uint64_t largest) {
    try {
        Json json = parse_json<Json>(text, {.bytes = largest});
        if (json.is_object()) return json;
    } catch (const Error&) {  // a line that was cut off, somebody else's text
    }
    return Json::object();
}

Json read_settings(const fs::path& file) {
    if (!is_there(file)) return Json::object();
    return read_object(read_file(file, largest_settings, Links::refuse), largest_settings);
}

void write_settings(const fs::path& file, const Json& settings) {
    write_atomically(file, {settings.dump(4, ' ', false, Json::error_handler_t::replace) + "\n"},
                     Links::refuse);
}

/// Whether a line of steps.jsonl is of a step that was not taken yet.
bool is_later(const std::string& line, int64_t steps) {
    const Json json = read_object(line, largest_line);
    const auto step = json.find("step");
    return step == json.end() || !step->is_number_integer() || *step > steps;
}

/// The value of a key in a file's metadata; empty where there is none.
std::string metadata_of(const fs::path& file, const std::string& key) {
    try {
        const SafeTensors content = read_safetensors(file, Links::refuse);
        const auto found = content.metadata.find(key);
        return found == content.metadata.end() ? "" : found->second;
    } catch (const Error&) {
        return "";
    }
}

}  // namespace

RunFolder::RunFolder(fs::path path, int64_t keep_checkpoints)
    : path_(std::move(path)),
      identity_(identity_of(path_)),
      checkpoints_(path_ / checkpoint_folder, keep_checkpoints),
      metrics_(path_ / metrics_file),
      steps_(path_ / steps_file),
      watched_(path_ / watch_file),
      timing_(path_ / timing_file) {
    check_own_files(path_);
    remove_temporary_files(path_);
}

bool RunFolder::is_still_there() const { return identity_of(path_) == identity_; }

std::optional<StoredCheckpoint> RunFolder::newest_checkpoint(Reporter& reporter) const {
    return checkpoints_.newest([&](const std::string& sentence) { reporter.notice(sentence); });
}

std::optional<std::string> RunFolder::recipe() const {
    if (!is_there(path_ / recipe_file)) return std::nullopt;
    return read_file(path_ / recipe_file, largest_recipe, Links::refuse);
}

Logs RunFolder::logs() const { return {metrics_.lines(), timing_.lines()}; }

void RunFolder::clear() { remove_own_files(path_); }

void RunFolder::write_settings(const std::string& recipe, Json settings) const {
    const fs::path file = path_ / settings_file;
    const Json before = read_settings(file);
    if (before.contains("started")) settings["started"] = before["started"];
    if (this->recipe() != recipe) write_atomically(path_ / recipe_file, {recipe}, Links::refuse);
    train::write_settings(file, settings);
}

void RunFolder::write_ending(const RunEnding& ending) const {
    if (!is_still_there()) return;
    const fs::path file = path_ / settings_file;
    const Json before = read_settings(file);
    Json settings = before;
    settings.erase("failure");
    settings["ended"] = name_of(ending.by);
    if (ending.failure)
        settings["failure"] = {{"sentence", ending.failure->sentence},
                               {"epoch", ending.failure->epoch},
                               {"step", ending.failure->step}};
    if (settings != before) train::write_settings(file, settings);
}

Results RunFolder::results(Weights kind) const {
    if (!is_still_there()) return {};
    const auto if_there = [&](const char* name) {
        return is_there(path_ / name) ? path_ / name : fs::path();
    };
    const fs::path best = if_there(best_file);
    return {if_there(report_file), best.empty() ? if_there(last_file) : best, kind};
}

void RunFolder::set_logs(const std::vector<EpochMetrics>& epochs, const std::vector<EpochTiming>& timings,
                         int64_t steps) {
    metrics_.set(lines_of(epochs));
    timing_.set(lines_of(timings));
    cut(steps_, steps);
    if (is_there(path_ / watch_file)) cut(watched_, steps);
}

void RunFolder::cut(LineLog& log, int64_t steps) {
    std::vector<std::string> lines = log.lines();
    while (!lines.empty() && is_later(lines.back(), steps)) lines.pop_back();
    log.set(lines);
}

void RunFolder::add_step(const Json& line) { steps_.append(line.dump()); }

void RunFolder::add_watched(const Json& line) { watched_.append(line.dump()); }

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

bool RunFolder::save_checkpoint(Progress& progress, const std::string& recipe,
                                const std::function<SafeTensors()>& make_state, Reporter& reporter) {
    SafeTensors checkpoint = make_state();
    return try_to(
        [&] {
            // The checkpoint says how far the logs go: they must be on the disk before it.
            for (LineLog* log : {&metrics_, &steps_, &watched_, &timing_}) {
                if (!log->flush())
                    throw Error(
                        fmt::format("cannot write the logs in {}: {}", path_.string(), std::strerror(errno)));
            }
            make_checkpoint_folder();
            progress.recent_bests.push_back(progress.best.epoch() ? progress.best.epoch()->epoch : 0);
            if (progress.recent_bests.size() > checkpoints_.kept())
                progress.recent_bests.erase(
                    progress.recent_bests.begin(),
                    progress.recent_bests.end() - static_cast<std::ptrdiff_t>(checkpoints_.kept()));
            put_progress(checkpoint, progress, recipe);
            checkpoints_.save(progress.step, std::move(checkpoint));
            remove_old_bests(progress);
        },
        reporter);
}

/// Also where somebody has put a link in its place meanwhile.
void RunFolder::make_checkpoint_folder() const {
    check_own_files(path_);
    std::error_code failure;
    fs::create_directory(path_ / checkpoint_folder, failure);
    if (failure) throw FileError("create", path_ / checkpoint_folder, failure.message());
}

bool RunFolder::save_last(nn::Module& model, const std::map<std::string, std::string>& metadata,
                          Reporter& reporter) {
    return try_to([&] { save_model(path_ / last_file, model, metadata, Links::refuse); }, reporter);
}

fs::path RunFolder::best_of(int64_t epoch) const {
    return path_ / checkpoint_folder / fmt::format("best-epoch-{}.safetensors", epoch);
}

bool RunFolder::save_best(nn::Module& model, int64_t epoch,
                          const std::map<std::string, std::string>& metadata, Reporter& reporter) {
    return try_to(
        [&] {
            make_checkpoint_folder();
            save_model(best_of(epoch), model, metadata, Links::refuse);
            save_model(path_ / best_file, model, metadata, Links::refuse);
        },
        reporter);
}

void RunFolder::load_best(nn::Module& model, int64_t epoch) const {
    const fs::path file = best_of(epoch);
    load_model_state(model, read_safetensors(file, Links::refuse), file.string());
}

std::string RunFolder::missing_weights(const Progress& progress) const {
    if (metadata_of(path_ / last_file, "step") != std::to_string(progress.step))
        return fmt::format("{} could not be written: it does not hold the weights after step {}",
                           (path_ / last_file).string(), progress.step);
    const std::optional<EpochMetrics>& best = progress.best.epoch();
    if (best && metadata_of(path_ / best_file, "epoch") != std::to_string(best->epoch))
        return fmt::format("{} could not be written: it does not hold the weights after epoch {}",
                           (path_ / best_file).string(), best->epoch);
    return "";
}

void RunFolder::remove_old_bests(const Progress& progress) const {
    std::error_code failure;
    for (const fs::directory_entry& entry : fs::directory_iterator(path_ / checkpoint_folder, failure)) {
        const std::string name = entry.path().filename().string();
        const bool wanted = std::ranges::any_of(
            progress.recent_bests, [&](int64_t epoch) { return best_of(epoch).filename() == name; });
        if (name.starts_with("best-epoch-") && !wanted) fs::remove(entry.path(), failure);
    }
}

void RunFolder::write_mistakes(const Json& mistakes, Reporter& reporter) {
    try_to([&] { write_atomically(path_ / mistakes_file, {mistakes.dump()}, Links::refuse); }, reporter);
}

}  // namespace vitrine::train
