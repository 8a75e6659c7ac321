// The points in a run's TensorBoard event files, as a TensorBoard would show them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace vitrine::tests {

struct EventPoint {
    int64_t step;
    float value;
    bool operator==(const EventPoint&) const = default;
};

/// By their tags, in the order of the files' names. A session that starts at a step voids what was read from
/// that step on; a last record that was cut off ends its file. Fails the test where there is anything else.
std::map<std::string, std::vector<EventPoint>> event_points(const std::filesystem::path& run);

}  // namespace vitrine::tests
