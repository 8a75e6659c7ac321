// The folder of a run: see run_folder.h.

#include "tools/train/run_folder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>

#include "engine/atomic_file.h"
#include "engine/checkpoint.h"
#include "engine/error.h"

namespace vitrine::train {
namespace {

namespace fs = std::filesystem;

constexpr std::array run_files{"run.json", "metrics.jsonl", "last.safetensors", "best.safetensors"};

/// The folder itself, or the nearest one above it that exists.
fs::path existing_part(const fs::path& path) {
    fs::path part = fs::absolute(path);
    std::error_code failure;
    while (!fs::exists(part, failure) && part.has_relative_path()) part = part.parent_path();
    return part;
}

}  // namespace

void check_run_folder(const fs::path& path, bool overwrite) {
    const fs::path existing = existing_part(path);
    std::error_code failure;
    if (!fs::is_directory(existing, failure))
        throw Error(fmt::format("--out {}: {} is not a folder", path.string(), existing.string()));
    if (::access(existing.c_str(), W_OK | X_OK) != 0)
        throw Error(fmt::format("--out {}: cannot write in {} ({})", path.string(), existing.string(),
                                std::strerror(errno)));
    for (const char* file : run_files) {
        if (!overwrite && fs::exists(path / file, failure)) {
            throw Error(
                fmt::format("--out {}: a run is already there ({}); choose another folder, or replace it "
                            "with --overwrite",
                            path.string(), file));
        }
    }
}

fs::path new_run_folder(const std::string& model) {
    const fs::path plain =
        fs::path("runs") / fmt::format("{}-{:%Y%m%d-%H%M%S}", model, fmt::localtime(std::time(nullptr)));
    fs::path path = plain;
    for (int i = 2; fs::exists(path); ++i) path = plain.string() + fmt::format("-{}", i);
    return path;
}

RunFolder::RunFolder(fs::path path, bool overwrite, const Json& settings) : path_(std::move(path)) {
    check_run_folder(path_, overwrite);
    std::error_code failure;
    fs::create_directories(path_, failure);
    if (failure)
        throw Error(
            fmt::format("--out {}: cannot create the folder ({})", path_.string(), failure.message()));
    for (const char* file : run_files) fs::remove(path_ / file, failure);
    write_atomically(path_ / "run.json", {settings.dump(4) + "\n"});
}

void RunFolder::append(const EpochMetrics& metrics) const {
    const fs::path file = path_ / "metrics.jsonl";
    std::ofstream stream(file, std::ios::app);
    stream << to_json(metrics).dump() << '\n' << std::flush;
    if (!stream) throw Error(fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
}

void RunFolder::save_last(nn::Module& model, const std::map<std::string, std::string>& metadata) const {
    save_model(path_ / "last.safetensors", model, metadata);
}

void RunFolder::save_best(nn::Module& model, const std::map<std::string, std::string>& metadata) const {
    save_model(path_ / "best.safetensors", model, metadata);
}

}  // namespace vitrine::train
