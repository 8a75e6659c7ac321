// The checkpoints of a run that resuming needs: the newest few, each under a checksum.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "engine/safetensors.h"

namespace vitrine::train {

struct StoredCheckpoint {
    std::filesystem::path file;
    SafeTensors content;
};

/// Files step-NUMBER.safetensors in one folder. The metadata's "checksum" is the XXH3 128-bit hash of all the
/// rest.
class CheckpointStore {
  public:
    CheckpointStore(std::filesystem::path folder, int64_t keep) : folder_(std::move(folder)), keep_(keep) {}

    /// Writes one, whole or not at all, and then removes those that are older than the newest `keep`, and any
    /// of later steps: the run does not go that way any more. Throws Error; the others are then as they were.
    void save(int64_t step, SafeTensors checkpoint) const;

    /// The newest that is whole, or nothing. `damaged` is told of each newer one that is not.
    std::optional<StoredCheckpoint> newest(
        const std::function<void(const std::string& sentence)>& damaged) const;

    size_t kept() const { return static_cast<size_t>(keep_); }

  private:
    std::filesystem::path folder_;
    int64_t keep_;
};

}  // namespace vitrine::train
