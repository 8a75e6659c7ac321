// An outcome as CBOR, which holds NaN and infinities too.

#include "lab/gradcheck/harness/outcome.h"

#include <nlohmann/json.hpp>

namespace vitrine::gradcheck {
namespace {

using nlohmann::json;

json to_object(const std::optional<Measure>& measure) {
    if (!measure) return nullptr;
    return {measure->error, measure->where, measure->worst.index, measure->worst.actual,
            measure->worst.expected};
}

std::optional<Measure> measure_from(const json& object) {
    if (object.is_null()) return std::nullopt;
    return Measure{object[0], object[1], {object[2], object[3], object[4]}};
}

json to_object(const Line& line) {
    return {line.kernel,
            line.implementation,
            line.type,
            line.shape,
            static_cast<int>(line.status),
            line.refusal,
            to_object(line.differences),
            to_object(line.reference),
            line.failures};
}

Line line_from(const json& object) {
    return {object[0],
            object[1],
            object[2],
            object[3],
            static_cast<Status>(object[4].get<int>()),
            object[5],
            measure_from(object[6]),
            measure_from(object[7]),
            object[8]};
}

}  // namespace

std::vector<uint8_t> to_bytes(const Outcome& outcome) {
    json lines = json::array(), tally = json::array();
    for (const Line& line : outcome.lines) lines.push_back(to_object(line));
    for (const auto& [name, accepted] : outcome.tally) {
        tally.push_back(json::array({name.first, name.second, accepted}));
    }
    return json::to_cbor(json::array({lines, tally}));
}

Outcome outcome_from_bytes(const std::vector<uint8_t>& bytes) {
    const json object = json::from_cbor(bytes);
    Outcome outcome;
    for (const json& line : object[0]) outcome.lines.push_back(line_from(line));
    for (const json& entry : object[1]) outcome.tally[{entry[0], entry[1]}] = entry[2];
    return outcome;
}

}  // namespace vitrine::gradcheck
