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

}  // namespace

void CheckpointStore::save(int64_t step, SafeTensors checkpoint) const {
    checkpoint.metadata["checksum"] = checksum_of(checkpoint);
    const fs::path path = folder_ / fmt::format("{}{:09}{}", prefix, step, suffix);
    write_safetensors(path, checkpoint, Links::refuse);
    std::error_code failure;
    std::vector<fs::path> all = checkpoints_in(folder_);
    const auto own = std::ranges::find(all, path);
    for (auto later = all.begin(); later != own; ++later) fs::remove(*later, failure);
    all.erase(all.begin(), own);
    for (size_t i = static_cast<size_t>(keep_); i < all.size(); ++i) fs::remove(all[i], failure);
}

std::optional<StoredCheckpoint> CheckpointStore::newest(
    const std::function<void(const std::string& sentence)>& damaged) const {
    for (const fs::path& path : checkpoints_in(folder_)) {
        try {
            SafeTensors file = read_safetensors(path, Links::refuse);
            const auto checksum = file.metadata.find("checksum");
            if (checksum != file.metadata.end() && checksum->second == checksum_of(file))
                return StoredCheckpoint{path, std::move(file)};
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

}  // namespace vitrine::train
