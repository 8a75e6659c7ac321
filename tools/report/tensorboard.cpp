// Event files for TensorBoard: see tensorboard.h.

#include "tools/report/tensorboard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/error.h"

namespace vitrine::report {
namespace {

using Crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

uint32_t masked_crc(std::string_view bytes) {
    Crc32c crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return std::rotr(crc.checksum(), 15) + 0xa282ead8u;
}

template <class Integer>
std::string little_endian(Integer value) {
    std::string bytes;
    for (size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
    return bytes;
}

uint32_t big_endian_u32(std::string_view bytes) {
    uint32_t value = 0;
    for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(byte);
    return value;
}

std::string varint(uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(0x80 | (value & 0x7f));
    return bytes + static_cast<char>(value);
}

// A field of a protocol buffer: its number and the kind of what follows in one varint, then the value.
enum class Wire : uint8_t { varint = 0, eight_bytes = 1, length_and_bytes = 2, four_bytes = 5 };

std::string key(int field, Wire wire) {
    return varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire));
}
std::string integer(int field, int64_t value) {
    return key(field, Wire::varint) + varint(static_cast<uint64_t>(value));
}
std::string real(int field, double value) {
    return key(field, Wire::eight_bytes) + little_endian(std::bit_cast<uint64_t>(value));
}
std::string real(int field, float value) {
    return key(field, Wire::four_bytes) + little_endian(std::bit_cast<uint32_t>(value));
}
std::string bytes(int field, std::string_view value) {
    return key(field, Wire::length_and_bytes) + varint(value.size()) + std::string(value);
}

// event.proto: Event {wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7},
// SessionLog {status = 1}. summary.proto: Summary {value = 1}, Value {tag = 1, simple_value = 2, image = 4},
// Image {height = 1, width = 2, colorspace = 3, encoded_image_string = 4}.
std::string event_head(double wall_time, int64_t step) { return real(1, wall_time) + integer(2, step); }

std::string summary_event(double wall_time, int64_t step, std::string_view tag, std::string_view content) {
    return event_head(wall_time, step) + bytes(5, bytes(1, bytes(1, tag) + std::string(content)));
}

struct PngHeader {
    int64_t width, height, channels;
};

/// PNG specification, 11.2.2: the first chunk, IHDR, is behind the signature and its own head; its colour
/// type is 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha.
PngHeader read_png_header(std::string_view tag, std::string_view png) {
    constexpr std::string_view signature = "\x89PNG\r\n\x1a\n";
    constexpr std::array<int64_t, 7> channels{1, 0, 3, 3, 2, 0, 4};
    const size_t colour_type = png.size() > 25 ? static_cast<uint8_t>(png[25]) : channels.size();
    if (!png.starts_with(signature) || colour_type >= channels.size() || channels[colour_type] == 0)
        throw Error(fmt::format("TensorBoard image {}: a PNG file's bytes are needed", tag));
    return {big_endian_u32(png.substr(16)), big_endian_u32(png.substr(20)), channels[colour_type]};
}

constexpr std::string_view name_start = "events.out.tfevents.";

std::vector<std::string> event_files_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    std::error_code failure;
    for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        if (is_event_file(name)) names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
}

int64_t seconds_in(std::string_view name) {
    int64_t seconds = 0;
    name.remove_prefix(name_start.size());
    std::from_chars(name.data(), name.data() + name.size(), seconds);
    return seconds;
}

/// The seconds have ten digits for the next two centuries, so the names sort by time. A clock that goes back
/// does not matter.
std::string name_behind(const std::vector<std::string>& others) {
    static std::atomic<int> count = 0;
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host = {"host"};
    constexpr int64_t largest = 9'999'999'998;
    auto seconds = static_cast<int64_t>(seconds_since_1970());
    for (const std::string& name : others)
        seconds = std::max(seconds, std::clamp<int64_t>(seconds_in(name), 0, largest) + 1);
    return fmt::format("{}{:010}.{}.{}.{:03}", name_start, seconds, host.data(), ::getpid(), count++);
}

}  // namespace

double seconds_since_1970() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string event_record(std::string_view event) {
    const std::string length = little_endian(static_cast<uint64_t>(event.size()));
    std::string record = length + little_endian(masked_crc(length));
    record += event;
    return record + little_endian(masked_crc(event));
}

EventWriter::EventWriter(const std::filesystem::path& folder)
    : file_(folder / name_behind(event_files_in(folder))) {
    constexpr int64_t session_start = 1;
    const double now = seconds_since_1970();
    add(real(1, now) + bytes(3, "brain.Event:2"));
    const std::vector<std::string> others = event_files_in(folder);
    if (!others.empty()) add(event_head(now, 0) + bytes(7, integer(1, session_start)));
    for (const std::string& name : others) {
        std::error_code failure;
        if (!std::filesystem::remove(folder / name, failure) || failure)
            throw Error(fmt::format("cannot remove {}: {}", (folder / name).string(), failure.message()));
    }
}

void EventWriter::scalar(std::string_view tag, int64_t step, float value, double wall_time) {
    add(summary_event(wall_time, step, tag, real(2, value)));
}

void EventWriter::image(std::string_view tag, int64_t step, std::string_view png, double wall_time) {
    const PngHeader header = read_png_header(tag, png);
    const std::string image =
        integer(1, header.height) + integer(2, header.width) + integer(3, header.channels) + bytes(4, png);
    add(summary_event(wall_time, step, tag, bytes(4, image)));
}

void EventWriter::flush() {
    const bool written = file_.append(std::exchange(pending_, {}));
    if (!written) throw Error(fmt::format("cannot write {}: {}", path().string(), std::strerror(errno)));
}

bool is_event_file(std::string_view name) { return name.starts_with(name_start); }

bool has_event_files(const std::filesystem::path& folder) { return !event_files_in(folder).empty(); }

}  // namespace vitrine::report
