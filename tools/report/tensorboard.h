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
#include <string>
#include <string_view>

#include "tools/common/growing_file.h"

namespace vitrine::report {

/// One record around an event's bytes.
std::string event_record(std::string_view event);

/// A folder is one run to TensorBoard, which shows the points of all its event files together. So there is
/// one: a writer's file, events.out.tfevents.SECONDS.HOST.PROCESS.COUNT, takes the place of all others. Its
/// name sorts behind theirs, and where there were some, it begins with the start of a session at step 0: a
/// TensorBoard that is watching then forgets what it has read of them.
class EventWriter {
  public:
    /// Removes the others. Nothing is written before flush().
    explicit EventWriter(const std::filesystem::path& folder);

    const std::filesystem::path& path() const { return file_.path(); }

    /// A point of a curve. Tags with the same part before a '/' are shown together. `wall_time` is in seconds
    /// since 1970.
    void scalar(std::string_view tag, int64_t step, float value, double wall_time);
    /// `png` holds a PNG file's bytes. Throws Error where it does not.
    void image(std::string_view tag, int64_t step, std::string_view png, double wall_time);
    /// Hands everything to the operating system. Throws Error where that fails, as on a full disk; what is
    /// missing is then written with the next.
    void flush();

  private:
    void add(std::string_view event) { pending_ += event_record(event); }

    tools::GrowingFile file_;
    std::string pending_;
};

bool is_event_file(std::string_view name);
bool has_event_files(const std::filesystem::path& folder);

/// Seconds since 1970, for `wall_time`.
double seconds_since_1970();

}  // namespace vitrine::report
