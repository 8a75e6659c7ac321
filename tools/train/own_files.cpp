// The files of a run's folder by their names: see own_files.h.

#include "tools/train/own_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "engine/input_file.h"
#include "tools/report/tensorboard.h"

namespace vitrine::train {
namespace {

namespace fs = std::filesystem;

constexpr std::array plain_files{settings_file, metrics_file,  steps_file, watch_file,
                                 timing_file,   mistakes_file, last_file,  best_file,
                                 report_file,   preview_file,  recipe_file};
/// Neither recipe nor settings, which a run writes before its first step, nor what is only drawn from others.
constexpr std::array traces{metrics_file,  steps_file, watch_file, timing_file,
                            mistakes_file, last_file,  best_file};
constexpr std::string_view temporary_suffix = ".tmp";

bool is_temporary(std::string_view name) {
    if (!name.ends_with(temporary_suffix)) return false;
    return std::ranges::any_of(plain_files, [&](const char* file) {
        return name.starts_with(file) && name.substr(std::strlen(file)).starts_with('.');
    });
}

bool is_own_file(std::string_view name) {
    return std::ranges::find(plain_files, name) != plain_files.end() || report::is_event_file(name);
}

bool is_checkpoint(std::string_view name) {
    return name.starts_with("step-") || name.starts_with("best-epoch-");
}

bool is_dumped(std::string_view name) {
    return name.starts_with("batch-") || name.starts_with(batch_weights_file);
}

/// The folders in a run's own, and the names of its files there.
struct OwnFolder {
    const char* name;
    bool (*is_own)(std::string_view name);
};
constexpr std::array own_folders{OwnFolder{checkpoint_folder, is_checkpoint},
                                 OwnFolder{batch_folder, is_dumped}};

std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code failure;
    for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
         entry.increment(failure))
        names.push_back(entry->path().filename().string());
    std::ranges::sort(names);
    return names;
}

/// Nothing where it is not there.
std::optional<mode_t> mode_of(const fs::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
    return status.st_mode;
}

void check(const fs::path& folder, const fs::path& entry, mode_t wanted) {
    const std::optional<mode_t> mode = mode_of(entry);
    if (!mode || (*mode & S_IFMT) == wanted) return;
    throw Error(fmt::format(
        "--out {}: {} is {}, but a run needs {} of its own there; remove it, or choose "
        "another folder",
        folder.string(), entry.string(), kind_of_file(*mode), wanted == S_IFDIR ? "a folder" : "a file"));
}

void remove_file(const fs::path& path) {
    std::error_code ignored;
    if (const std::optional<mode_t> mode = mode_of(path); mode && !S_ISDIR(*mode)) fs::remove(path, ignored);
}

}  // namespace

void check_own_files(const fs::path& folder) {
    for (const std::string& name : names_in(folder)) {
        if (is_own_file(name)) check(folder, folder / name, S_IFREG);
    }
    for (const OwnFolder& own : own_folders) {
        check(folder, folder / own.name, S_IFDIR);
        for (const std::string& name : names_in(folder / own.name)) {
            if (own.is_own(name)) check(folder, folder / own.name / name, S_IFREG);
        }
    }
}

std::optional<std::string> trace_of_training(const fs::path& folder) {
    for (const char* file : traces) {
        std::error_code failure;
        const fs::path path = folder / file;
        if (mode_of(path) && fs::file_size(path, failure) > 0) return file;
    }
    for (const std::string& name : names_in(folder / checkpoint_folder)) {
        if (is_checkpoint(name)) return fmt::format("{}/{}", checkpoint_folder, name);
    }
    return std::nullopt;
}

void remove_own_files(const fs::path& folder) {
    for (const OwnFolder& own : own_folders) {
        for (const std::string& name : names_in(folder / own.name)) {
            if (own.is_own(name)) remove_file(folder / own.name / name);
        }
    }
    for (const std::string& name : names_in(folder)) {
        if (report::is_event_file(name)) remove_file(folder / name);
    }
    for (const char* file : plain_files) remove_file(folder / file);
}

void remove_temporary_files(const fs::path& folder) {
    for (const std::string& name : names_in(folder)) {
        if (is_temporary(name)) remove_file(folder / name);
    }
    for (const OwnFolder& own : own_folders) {
        for (const std::string& name : names_in(folder / own.name)) {
            if (own.is_own(name) && name.ends_with(temporary_suffix)) remove_file(folder / own.name / name);
        }
    }
}

}  // namespace vitrine::train
