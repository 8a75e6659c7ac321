// Where a run's files must not go: see out_folder.h.

#include "tools/train/out_folder.h"

#include <fmt/format.h>

#include "data/image.h"
#include "engine/error.h"

namespace vitrine::train {
namespace {

namespace fs = std::filesystem;

/// Other than the one that a run writes itself.
bool holds_images(const fs::path& folder) {
    std::error_code failure;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, failure)) {
        const bool image = has_image_extension(entry.path()) && entry.path().filename() != "preview.png";
        if (image && entry.is_regular_file(failure)) return true;
    }
    return false;
}

bool holds_class_folders(const fs::path& folder) {
    std::error_code failure;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, failure)) {
        if (entry.is_directory(failure) && holds_images(entry.path())) return true;
    }
    return false;
}

/// Without links and dots, whether it exists or not.
fs::path resolved(const fs::path& path) {
    std::error_code failure;
    const fs::path canonical = fs::weakly_canonical(fs::absolute(path, failure), failure);
    return canonical.has_filename() ? canonical : canonical.parent_path();  // not "photos/"
}

/// Of a data set that is a table or an archive, the folder that it is in.
fs::path folder_of(const fs::path& data) {
    std::error_code failure;
    const fs::path full = resolved(data);
    return fs::is_directory(full, failure) ? full : full.parent_path();
}

bool is_inside(const fs::path& path, const fs::path& folder) {
    const fs::path rest = path.lexically_relative(folder);
    return !rest.empty() && *rest.begin() != "..";
}

[[noreturn]] void refuse(const fs::path& out, const fs::path& folder) {
    throw Error(fmt::format("--out {}: {} holds the images to train on; choose a folder outside of it",
                            out.string(), folder.string()));
}

}  // namespace

void refuse_among_images(const fs::path& out, const fs::path& data) {
    if (data.empty()) return;  // a data set of the system's
    const fs::path root = folder_of(data);
    for (fs::path folder = resolved(out); is_inside(folder, root); folder = folder.parent_path()) {
        if (holds_images(folder)) refuse(out, folder);
        if (folder == root) break;
    }
}

void refuse_as_data(const fs::path& out, const fs::path& data) {
    if (data.empty()) return;
    refuse_among_images(out, data);
    const fs::path root = folder_of(data), folder = resolved(out);
    if (folder == root || (is_inside(folder, root) && holds_class_folders(folder))) refuse(out, folder);
}

}  // namespace vitrine::train
