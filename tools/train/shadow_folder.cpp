// A copy of a run's folder that nobody sees: see shadow_folder.h.

#include "tools/train/shadow_folder.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <system_error>

#include "engine/error.h"
#include "tools/train/own_files.h"

namespace vitrine::train {
namespace {

namespace fs = std::filesystem;

fs::path new_temporary_folder() {
    std::string name = (fs::temp_directory_path() / "vitrine-process-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        throw Error(fmt::format("{}: a folder cannot be made there", fs::temp_directory_path().string()));
    return name;
}

void copy_files(const fs::path& from, const fs::path& to) {
    fs::create_directories(to);
    for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
        const std::string name = entry.path().filename().string();
        if (entry.symlink_status().type() == fs::file_type::regular && !name.starts_with('.'))
            fs::copy_file(entry.path(), to / name);
    }
}

}  // namespace

ShadowFolder::ShadowFolder(const fs::path& run) : path_(new_temporary_folder()) {
    try {
        copy_files(run, path_);
        if (fs::exists(run / checkpoint_folder))
            copy_files(run / checkpoint_folder, path_ / checkpoint_folder);
    } catch (const fs::filesystem_error& error) {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
        throw Error(
            fmt::format("{} cannot be read here: {}; the run's folder must be where every machine finds it",
                        run.string(), error.code().message()));
    }
}

ShadowFolder::~ShadowFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

}  // namespace vitrine::train
