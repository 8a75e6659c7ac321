// The checkpoints of a run: see checkpoint_store.h.

#include "tools/train/checkpoint_store.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <vector>

#include "engine/error.h"

namespace vitrine::train {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view prefix = "step-", suffix = ".safetensors";

class Hash {
  public:
    Hash() { XXH3_128bits_reset(state_.get()); }
    /// With its length, so that no two lists of texts look alike.
    void add(std::string_view text) {
        const uint64_t size = text.size();
        XXH3_128bits_update(state_.get(), &size, sizeof size);
        XXH3_128bits_update(state_.get(), text.data(), text.size());
    }
    std::string hex() const {
        const XXH128_hash_t digest = XXH3_128bits_digest(state_.get());
        return fmt::format("{:016x}{:016x}", digest.high64, digest.low64);
    }

  private:
    std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_{XXH3_createState(), XXH3_freeState};
};

std::string checksum_of(const SafeTensors& file) {
    Hash hash;
    for (const auto& [key, value] : file.metadata) {
        if (key == "checksum") continue;
        hash.add(key);
        hash.add(value);
    }
    for (const SafeTensor& tensor : file.tensors) {
        hash.add(tensor.name);
        hash.add(tensor.dtype);
        hash.add(tensor.bytes);
    }
    return hash.hex();
}

std::optional<int64_t> step_of(const fs::path& file) {
    const std::string name = file.filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
    const char* end = name.data() + name.size() - suffix.size();
    int64_t step = 0;
    const auto [stopped, error] = std::from_chars(name.data() + prefix.size(), end, step);
    if (error != std::errc{} || stopped != end) return std::nullopt;
    return step;
}

/// The newest first.
std::vector<fs::path> checkpoints_in(const fs::path& folder) {
    std::vector<std::pair<int64_t, fs::path>> found;
    std::error_code failure;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, failure)) {
        if (const std::optional<int64_t> step = step_of(entry.path()))
            found.emplace_back(*step, entry.path());
    }
    std::ranges::sort(found, std::greater{});
    std::vector<fs::path> paths;
    for (auto& [step, path] : found) paths.push_back(std::move(path));
    return paths;
}

/// What a run that was killed while it wrote has left behind.
void remove_temporaries(const fs::path& folder) {
    std::error_code failure;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, failure)) {
        if (entry.path().extension() == ".tmp") fs::remove(entry.path(), failure);
    }
}

}  // namespace

void CheckpointStore::save(int64_t step, SafeTensors checkpoint) const {
    fs::create_directories(folder_);
    checkpoint.metadata["checksum"] = checksum_of(checkpoint);
    write_safetensors(folder_ / fmt::format("{}{:09}{}", prefix, step, suffix), checkpoint);
    std::error_code failure;
    const std::vector<fs::path> all = checkpoints_in(folder_);
    for (size_t i = static_cast<size_t>(keep_); i < all.size(); ++i) fs::remove(all[i], failure);
}

std::optional<SafeTensors> CheckpointStore::newest(
    const std::function<void(const std::string& sentence)>& damaged) const {
    remove_temporaries(folder_);
    for (const fs::path& path : checkpoints_in(folder_)) {
        try {
            SafeTensors file = read_safetensors(path);
            const auto checksum = file.metadata.find("checksum");
            if (checksum != file.metadata.end() && checksum->second == checksum_of(file)) return file;
            damaged(fmt::format("{} is damaged (its checksum does not fit); the checkpoint before it is used",
                                path.string()));
        } catch (const Error& error) {
            damaged(fmt::format("{}; the checkpoint before it is used", error.what()));
        }
        // Out of the way of those that are to come, which are counted by their steps.
        std::error_code failure;
        fs::rename(path, path.string() + ".damaged", failure);
    }
    return std::nullopt;
}

void CheckpointStore::clear() const {
    remove_temporaries(folder_);
    std::error_code failure;
    for (const fs::path& path : checkpoints_in(folder_)) fs::remove(path, failure);
}

}  // namespace vitrine::train
