// A line as text and as JSON: see line.h.

#include "lab/gradcheck/harness/line.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace vitrine::gradcheck {
namespace {

const char* name_of(Status status) {
    switch (status) {
        case Status::passed:
            return "ok";
        case Status::failed:
            return "FAIL";
        case Status::refused:
            return "refused";
    }
    return "?";
}

std::string element(const Measure& measure) {
    return measure.worst.index < 0 ? fmt::format("{} along a random direction", measure.where)
                                   : fmt::format("{}[{}]", measure.where, measure.worst.index);
}

/// JSON has no NaN and no infinity: they become strings.
nlohmann::json number(double value) {
    if (std::isfinite(value)) return value;
    return fmt::format("{}", value);
}

nlohmann::json to_object(const Measure& measure, const char* actual, const char* expected) {
    return {{"error", number(measure.error)},
            {"where", measure.where},
            {"index", measure.worst.index},
            {actual, number(measure.worst.actual)},
            {expected, number(measure.worst.expected)}};
}

}  // namespace

std::string to_text(const Line& line) {
    std::string text = fmt::format("{:<7} {}", name_of(line.status), line.kernel);
    for (const std::string& part : {line.implementation, line.type}) {
        if (!part.empty()) text += "  " + part;
    }
    if (!line.shape.empty()) text += fmt::format("  [{}]", line.shape);
    if (!line.refusal.empty()) text += ": " + line.refusal;
    if (line.differences) {
        const Measure& m = *line.differences;
        text += fmt::format("  differences {:.1e} at {}: analytic {:.9g}, numeric {:.9g}", m.error,
                            element(m), m.worst.actual, m.worst.expected);
    }
    if (line.reference) {
        const Measure& m = *line.reference;
        text +=
            fmt::format("{} reference {:.1e} at {}: computed {:.9g}, reference {:.9g}",
                        line.differences ? ";" : " ", m.error, element(m), m.worst.actual, m.worst.expected);
    }
    if (line.implementation.empty() || line.shape.empty()) {
        for (const std::string& failure : line.failures) text += ": " + failure;
    } else {
        for (const std::string& failure : line.failures) text += "\n        " + failure;
    }
    return text;
}

std::string to_json(const Line& line) {
    nlohmann::json object{{"status", name_of(line.status)},
                          {"op", line.kernel},
                          {"implementation", line.implementation},
                          {"type", line.type},
                          {"shape", line.shape}};
    if (!line.refusal.empty()) object["refusal"] = line.refusal;
    if (line.differences) object["differences"] = to_object(*line.differences, "analytic", "numeric");
    if (line.reference) object["reference"] = to_object(*line.reference, "computed", "reference");
    if (!line.failures.empty()) object["failures"] = line.failures;
    return object.dump();
}

}  // namespace vitrine::gradcheck
