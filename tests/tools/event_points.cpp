// The points in a run's TensorBoard event files: see event_points.h.

#include "tests/tools/event_points.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

uint64_t take_varint(std::string_view& bytes) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        REQUIRE(!bytes.empty());
        const auto byte = static_cast<uint8_t>(bytes.front());
        bytes.remove_prefix(1);
        value |= static_cast<uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
}

std::string_view take(std::string_view& bytes, uint64_t count) {
    REQUIRE(count <= bytes.size());
    const std::string_view taken = bytes.substr(0, count);
    bytes.remove_prefix(count);
    return taken;
}

/// A message's fields: numbers (varints) and bytes (all others).
struct Message {
    std::map<uint64_t, uint64_t> numbers;
    std::map<uint64_t, std::string_view> bytes;

    explicit Message(std::string_view content) {
        while (!content.empty()) {
            const uint64_t key = take_varint(content);
            switch (key & 7) {
                case 0:
                    numbers[key >> 3] = take_varint(content);
                    break;
                case 1:
                    bytes[key >> 3] = take(content, 8);
                    break;
                case 2:
                    bytes[key >> 3] = take(content, take_varint(content));
                    break;
                default:
                    REQUIRE((key & 7) == 5);
                    bytes[key >> 3] = take(content, 4);
            }
        }
    }
};

/// An event's bytes; nothing at the end of the file or before a record that is cut off.
std::optional<std::string_view> take_event(std::string_view& file) {
    uint64_t length = 0;
    if (file.size() < 12) return std::nullopt;
    std::memcpy(&length, file.data(), sizeof length);
    if (file.size() < 12 + length + 4) return std::nullopt;
    file.remove_prefix(12);
    const std::string_view event = take(file, length);
    file.remove_prefix(4);
    return event;
}

}  // namespace

std::map<std::string, std::vector<EventPoint>> event_points(const fs::path& run) {
    std::set<fs::path> files;
    for (const auto& entry : fs::directory_iterator(run)) {
        if (entry.path().filename().string().find("tfevents") != std::string::npos)
            files.insert(entry.path());
    }
    std::map<std::string, std::vector<EventPoint>> points;
    for (const fs::path& path : files) {
        const std::string content = content_of(path);
        std::string_view rest = content;
        while (const std::optional<std::string_view> event = take_event(rest)) {
            Message message(*event);
            const auto step = static_cast<int64_t>(message.numbers[2]);
            if (message.bytes.contains(7)) {  // a session
                for (auto& [tag, list] : points)
                    std::erase_if(list, [&](const EventPoint& point) { return point.step >= step; });
            }
            if (!message.bytes.contains(5)) continue;  // no summary
            Message value(Message(message.bytes[5]).bytes.at(1));
            if (!value.bytes.contains(2)) continue;  // an image
            float number = 0.0F;
            std::memcpy(&number, value.bytes[2].data(), sizeof number);
            points[std::string(value.bytes.at(1))].push_back({step, number});
        }
    }
    return points;
}

}  // namespace vitrine::tests
