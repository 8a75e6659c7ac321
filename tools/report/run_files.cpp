// What a run has left in its folder: see run_files.h.

#include "tools/report/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <optional>
#include <string_view>

#include "engine/atomic_file.h"
#include "engine/error.h"

namespace vitrine::report {
namespace {

namespace fs = std::filesystem;

constexpr std::array read_files{"run.json",     "recipe.toml",     "metrics.jsonl", "steps.jsonl",
                                "timing.jsonl", "validation.json", "best.json",     "preview.png"};

/// Nothing where the file is absent. A link would lead out of the run's folder.
std::optional<std::string> text_of(const fs::path& file) {
    std::error_code failure;
    if (!fs::is_regular_file(fs::symlink_status(file, failure))) return std::nullopt;
    return read_file(file, std::numeric_limits<uint64_t>::max(), Links::refuse);
}

std::optional<Json> parse_object(std::string_view text) {
    Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    return json;
}

Json read_object(const fs::path& folder, const char* name, std::vector<std::string>& unreadable) {
    const std::optional<std::string> text = text_of(folder / name);
    if (!text) return Json::object();
    if (std::optional<Json> json = parse_object(*text)) return std::move(*json);
    unreadable.emplace_back(name);
    return Json::object();
}

/// A run that was resumed from a checkpoint may have written some lines before it was killed, and then again:
/// the later ones hold.
void append(std::vector<Json>& lines, Json line, const char* counter) {
    const auto repeats = [&](const Json& earlier) { return earlier[counter] >= line[counter]; };
    while (!lines.empty() && repeats(lines.back())) lines.pop_back();
    lines.push_back(std::move(line));
}

std::vector<Json> read_lines(const fs::path& folder, const char* name, const char* counter,
                             std::vector<std::string>& unreadable) {
    const std::string text = text_of(folder / name).value_or("");
    std::vector<Json> lines;
    int number = 0;
    for (size_t begin = 0; begin < text.size();) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        const std::string_view line = std::string_view(text).substr(begin, end - begin);
        const bool complete = end < text.size();
        begin = end + 1;
        ++number;
        if (line.empty()) continue;
        std::optional<Json> json = parse_object(line);
        if (json && json->contains(counter) && (*json)[counter].is_number())
            append(lines, std::move(*json), counter);
        else if (complete)  // else it is being written, or was when the run was killed
            unreadable.push_back(fmt::format("{}, line {}", name, number));
    }
    return lines;
}

int64_t time_of(const fs::path& file) {
    std::error_code failure;
    const fs::file_time_type changed = fs::last_write_time(file, failure);
    if (failure) return 0;
    const auto since_1970 = fs::file_time_type::clock::to_sys(changed).time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(since_1970).count();
}

/// The last part of the path, which "runs/a/", "." and ".." show only once they are resolved.
std::string name_of(const fs::path& folder) {
    std::error_code failure;
    const fs::path whole = fs::weakly_canonical(folder, failure);
    return failure ? folder.string() : whole.filename().string();
}

}  // namespace

RunFiles read_run(const fs::path& folder) {
    std::error_code failure;
    if (!fs::is_directory(folder, failure))
        throw Error(
            fmt::format("{}: there is no such folder; the folder of a run is needed", folder.string()));
    if (!fs::exists(folder / "run.json", failure) && !fs::exists(folder / "metrics.jsonl", failure))
        throw Error(fmt::format("{}: no run is there, for it holds neither run.json nor metrics.jsonl",
                                folder.string()));
    RunFiles files;
    auto& unreadable = files.unreadable;
    files.name = name_of(folder);
    files.run = read_object(folder, "run.json", unreadable);
    files.recipe = text_of(folder / "recipe.toml").value_or("");
    files.epochs = read_lines(folder, "metrics.jsonl", "epoch", unreadable);
    files.steps = read_lines(folder, "steps.jsonl", "step", unreadable);
    files.timing = read_lines(folder, "timing.jsonl", "epoch", unreadable);
    files.validation = read_object(folder, "validation.json", unreadable);
    files.best = read_object(folder, "best.json", unreadable);
    files.preview = text_of(folder / "preview.png").value_or("");
    for (const char* file : read_files) {
        if (fs::is_symlink(fs::symlink_status(folder / file, failure)))
            unreadable.push_back(fmt::format("{}, which is a link", file));
    }
    for (const char* file : {"run.json", "metrics.jsonl", "steps.jsonl", "timing.jsonl"})
        files.last_written = std::max(files.last_written, time_of(folder / file));
    return files;
}

std::vector<RunFiles> read_runs(const std::vector<fs::path>& folders) {
    std::vector<RunFiles> runs;
    for (const fs::path& folder : folders) runs.push_back(read_run(folder));
    std::vector<std::string> names;
    for (const RunFiles& run : runs) names.push_back(run.name);
    for (size_t i = 0; i < runs.size(); ++i) {
        if (std::ranges::count(names, names[i]) > 1) runs[i].name = folders[i].string();
    }
    return runs;
}

}  // namespace vitrine::report
