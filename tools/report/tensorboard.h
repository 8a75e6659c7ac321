// Event files for TensorBoard, beside the page for those who compare many runs in it.
//
// An event file is a row of records, each
//   u64 length | u32 masked CRC of the length | the event | u32 masked CRC of the event (little-endian)
// with CRC32C (the Castagnoli polynomial) and mask(c) = (c >> 15 | c << 17) + 0xa282ead8: see
// tensorflow/core/lib/io/record_writer.h. An event is a protocol buffer of a handful of fields (event.proto,
// summary.proto), which tensorboard.cpp writes by their numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace vitrine::report {

/// Each writer makes a new file, events.out.tfevents.SECONDS.HOST.PROCESS.COUNT: TensorBoard reads all of a
/// folder's files in the order of their names as one run.
class EventWriter {
  public:
    /// `resumed_at`: the first step that is going to be logged, where earlier files may hold more than the
    /// checkpoint that the run goes on from; TensorBoard then forgets their events from that step on. Throws
    /// Error where no file can be made in `folder`.
    explicit EventWriter(const std::filesystem::path& folder, std::optional<int64_t> resumed_at = {});

    const std::filesystem::path& path() const { return path_; }

    /// A point of a curve. Tags with the same part before a '/' are shown together. `wall_time` is in seconds
    /// since 1970.
    void scalar(std::string_view tag, int64_t step, float value, double wall_time);
    /// `png` holds a PNG file's bytes. Throws Error where it does not.
    void image(std::string_view tag, int64_t step, std::string_view png, double wall_time);
    /// Hands everything to the operating system. Throws Error where that fails, as on a full disk.
    void flush();

  private:
    void write(std::string_view event);

    std::filesystem::path path_;
    std::ofstream file_;
};

/// Seconds since 1970, for `wall_time`.
double seconds_since_1970();

/// One record around an event's bytes.
std::string event_record(std::string_view event);

}  // namespace vitrine::report
