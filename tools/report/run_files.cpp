// What a run has left in its folder: see run_files.h.

#include "tools/report/run_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

#include "engine/error.h"
#include "engine/input_file.h"
#include "engine/parse_json.h"
#include "engine/parse_toml.h"

namespace vitrine::report {
namespace {

namespace fs = std::filesystem;

/// What a run leaves at most, with room to spare: a hundred thousand epochs, or some million steps;
/// twenty-four images of 512 pixels.
constexpr uint64_t largest_json = 64'000'000, largest_log = 64'000'000, largest_step_log = 256'000'000;
constexpr uint64_t largest_preview = 64'000'000;
constexpr size_t largest_line = 100'000;
constexpr int64_t largest_counter = 1'000'000'000'000;
constexpr size_t named_lines = 20;     // of those of a file that cannot be read
constexpr size_t most_refused = 1000;  // of a file's lines: what has more of them is no log

/// Reads one run's files, and collects what cannot be read.
class Folder {
  public:
    Folder(fs::path path, std::vector<std::string>& unreadable)
        : path_(std::move(path)), unreadable_(unreadable) {}

    /// Nothing where the file is absent; what is no regular file, or too large, is none that a run wrote.
    std::string text(const char* name, uint64_t largest) const {
        std::error_code failure;
        const fs::file_status status = fs::symlink_status(path_ / name, failure);
        if (!fs::exists(status)) return "";
        if (fs::is_symlink(status)) {  // it would lead out of the run's folder
            unreadable_.push_back(fmt::format("{}, which is a link", name));
            return "";
        }
        try {
            return read_file(path_ / name, largest, Links::refuse);
        } catch (const FileError& error) {
            unreadable_.push_back(fmt::format("{} ({})", name, error.reason));
            return "";
        }
    }

    Json object(const char* name) {
        const std::string content = text(name, largest_json);
        if (content.empty()) return Json::object();
        std::optional<Json> json = parse_object(content, {.bytes = largest_json});
        if (json)
            has_content_ = true;
        else
            unreadable_.emplace_back(name);
        return json.value_or(Json::object());
    }

    /// Calls take(line) with each line that is an object with a whole number under `counter`.
    template <class Take>
    void lines(const char* name, const char* counter, uint64_t largest, Take take) {
        const std::string content = text(name, largest);
        int64_t number = 0;
        size_t refused = 0;
        for (size_t begin = 0; begin < content.size();) {
            const size_t end = std::min(content.find('\n', begin), content.size());
            const std::string_view line = std::string_view(content).substr(begin, end - begin);
            const bool complete = end < content.size();
            begin = end + 1;
            ++number;
            if (line.empty()) continue;
            std::optional<Json> json = parse_object(line, {.bytes = largest_line, .depth = 4});
            if (json && counts(*json, counter)) {
                has_content_ = true;
                take(std::move(*json));
                continue;
            }
            // A last line without an end is being written, or was when the run was killed.
            if (complete && !bears(name, number, ++refused)) return;
        }
        if (refused > named_lines)
            unreadable_.push_back(fmt::format("{}, {} lines more", name, refused - named_lines));
    }

    /// A run that was resumed from a checkpoint may have written some lines before it was killed, and then
    /// again: the later ones hold.
    std::vector<Json> by_counter(const char* name, const char* counter) {
        std::vector<Json> kept;
        lines(name, counter, largest_log, [&](Json line) {
            while (!kept.empty() && kept.back()[counter] >= line[counter]) kept.pop_back();
            kept.push_back(std::move(line));
        });
        return kept;
    }

    std::vector<StepFigures> steps() {
        std::vector<StepFigures> kept;
        lines("steps.jsonl", "step", largest_step_log, [&](const Json& line) {
            const auto number = [&](const char* key) {
                const auto found = line.find(key);
                return found != line.end() && found->is_number() ? found->get<double>()
                                                                 : StepFigures::unknown;
            };
            const double step = number("step");
            while (!kept.empty() && kept.back().step >= step) kept.pop_back();
            kept.push_back({step, number("epoch"), number("loss"), number("learning_rate"),
                            number("momentum"), number("gradient_norm")});
        });
        return kept;
    }

    Watched watched() {
        Watched all;
        lines("watch.jsonl", "step", largest_step_log, [&](const Json& line) { all.add(line); });
        return all;
    }

    /// Whether any object or line could be read.
    bool has_content() const { return has_content_; }

  private:
    /// Notes a line that cannot be read. False where there are so many that the rest is not worth the time.
    bool bears(const char* name, int64_t line, size_t refused) const {
        if (refused <= named_lines) unreadable_.push_back(fmt::format("{}, line {}", name, line));
        if (refused < most_refused) return true;
        unreadable_.push_back(
            fmt::format("{}, {} lines more, and all after line {}", name, refused - named_lines, line));
        return false;
    }
    static bool counts(const Json& line, const char* counter) {
        const auto found = line.find(counter);
        return found != line.end() && found->is_number_integer() && *found >= 0 && *found <= largest_counter;
    }
    static std::optional<Json> parse_object(std::string_view text, const JsonLimits& limits) {
        try {
            Json json = parse_json<Json>(text, limits);
            if (json.is_object()) return json;
        } catch (const Error&) {
        }
        return std::nullopt;
    }

    fs::path path_;
    std::vector<std::string>& unreadable_;
    bool has_content_ = false;
};

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
    if (folder.empty()) throw Error("the name of a run's folder is needed, not an empty text");
    if (!fs::is_directory(folder, failure)) {
        throw Error(
            fmt::format("{}: {}; the folder of a run is needed", folder.string(),
                        fs::exists(folder, failure) ? "this is no folder" : "there is no such folder"));
    }
    if (!fs::exists(folder / "run.json", failure) && !fs::exists(folder / "metrics.jsonl", failure))
        throw Error(fmt::format("{}: no run is there, for it holds neither run.json nor metrics.jsonl",
                                folder.string()));
    RunFiles files;
    files.name = name_of(folder);
    Folder there(folder, files.unreadable);
    files.run = there.object("run.json");
    files.recipe = there.text("recipe.toml", largest_toml);
    files.epochs = there.by_counter("metrics.jsonl", "epoch");
    files.steps = there.steps();
    files.watched = there.watched();
    files.timing = there.by_counter("timing.jsonl", "epoch");
    files.validation = there.object("validation.json");
    files.preview = there.text("preview.png", largest_preview);
    for (const char* file : {"run.json", "metrics.jsonl", "steps.jsonl", "watch.jsonl", "timing.jsonl"})
        files.last_written = std::max(files.last_written, time_of(folder / file));
    if (!there.has_content() && files.recipe.empty())
        throw Error(fmt::format("{}: nothing of the run can be read{}{}", folder.string(),
                                files.unreadable.empty() ? ", for its files are empty" : ": ",
                                fmt::join(files.unreadable, "; ")));
    return files;
}

RunList read_runs(const std::vector<fs::path>& folders) {
    RunList list;
    for (const fs::path& folder : folders) {
        const auto is_same = [&](const fs::path& other) {
            std::error_code failure;
            return fs::equivalent(folder, other, failure);
        };
        if (std::ranges::any_of(list.folders, is_same)) {
            list.left_out.push_back(fmt::format("{}: this run was named before", folder.string()));
            continue;
        }
        try {
            list.runs.push_back(read_run(folder));
            list.folders.push_back(folder);
        } catch (const Error& error) {
            list.left_out.emplace_back(error.what());
        }
    }
    std::vector<std::string> names;
    for (const RunFiles& run : list.runs) names.push_back(run.name);
    for (size_t i = 0; i < names.size(); ++i) {
        if (std::ranges::count(names, names[i]) > 1) list.runs[i].name = list.folders[i].string();
    }
    return list;
}

}  // namespace vitrine::report
