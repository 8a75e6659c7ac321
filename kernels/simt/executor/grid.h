// One launch: what all of its blocks share, and where its findings come together.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/simt/executor/access_sets.h"
#include "kernels/simt/executor/read_only.h"
#include "kernels/simt/executor/releases.h"
#include "kernels/simt/executor/sectors.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/record.h"
#include "kernels/simt/report.h"

namespace vitrine::simt {

/// What one OS thread counted.
struct Counters {
    uint64_t barriers = 0;
    uint64_t warp_operations = 0;
    uint64_t fused_multiply_adds = 0;
    uint64_t tensor_multiply_adds = 0;
    uint64_t global_bytes_read = 0;
    uint64_t global_bytes_written = 0;
    uint64_t shared_bytes_read = 0;
    uint64_t shared_bytes_written = 0;
    size_t static_shared_bytes = 0;  // of the variables that it touched
};

// What every architecture since Turing allows.
inline constexpr unsigned most_threads = 1024;

class Grid {
  public:
    /// Throws Error if a GPU would refuse the launch.
    Grid(const GridRequest& request, const Settings& settings, const RecordRequest* record = nullptr);

    const GridRequest& request() const { return request_; }
    const Settings& settings() const { return settings_; }
    unsigned threads_per_block() const { return request_.block.x * request_.block.y * request_.block.z; }
    /// How many are run.
    uint64_t blocks() const { return turns_; }
    /// Whether that is not all of them.
    bool is_sample() const { return turns_ < blocks_; }

    /// The block that is run as number `turn`, as its place in the grid.
    uint3 block(uint64_t turn) const;

    /// Which block of this launch is recorded; null: none.
    const RecordRequest* record_request() const { return record_request_; }
    bool records(uint64_t turn) const;

    /// The ranks of a block's threads in the order in which they start: whole warps, each in its own order.
    void order_threads(uint64_t turn, uint32_t* ranks) const;

    /// The race checks' numbers: first_number() is nobody's, block `turn` has first_number() + 1 + turn.
    uint32_t first_number() const { return first_number_; }

    /// Grows when the numbers begin anew: what is remembered under the old ones must be forgotten.
    uint32_t era() const { return era_; }

    /// Whether more than one OS thread runs blocks. Set while none does.
    const bool& several_workers() const { return several_workers_; }
    void set_several_workers(bool several) { several_workers_ = several; }

    /// What orders its blocks.
    Releases& releases() { return releases_; }
    AccessSets& access_sets() { return access_sets_; }

    /// A place that has the same kind of finding already only counts it once more. Any OS thread may call.
    void add(Finding finding);
    void add(const Counters& counters);
    void add(ReadOnlyPages pages);
    void add(std::vector<LineTraffic> traffic, const SectorSet& sectors);

    void add(BlockRecord record) { record_ = std::move(record); }

    /// Of the block that was to be recorded, if the grid has it.
    std::optional<BlockRecord> take_record() { return std::move(record_); }

    /// The report, ordered by place in the grid and in the source. The kernel's name is only looked up where
    /// someone will read it.
    LaunchReport finish();

  private:
    void check_shape();
    void take_numbers();
    uint64_t sampled_block(uint64_t turn) const;

    GridRequest request_;
    Settings settings_;
    const RecordRequest* record_request_;
    std::optional<BlockRecord> record_;
    uint64_t blocks_;
    uint64_t turns_;
    uint32_t first_number_;
    uint32_t era_;
    bool several_workers_ = false;
    std::vector<uint32_t> shuffled_blocks_;
    Releases releases_;
    AccessSets access_sets_;
    std::mutex mutex_;
    LaunchReport report_;
    ReadOnlyPages read_only_;
    SectorSet sectors_;
};

}  // namespace vitrine::simt
