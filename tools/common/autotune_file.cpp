// Chosen implementations in a file: see autotune_file.h.

#include "tools/common/autotune_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/atomic_file.h"
#include "engine/input_file.h"
#include "engine/parse_json.h"
#include "kernels/device_identity.h"
#include "kernels/error.h"
#include "tools/common/output_file.h"

namespace vitrine::tools {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const TriedImplementation& tried) {
    if (!tried.fault.empty()) return {{"name", tried.name}, {"fault", tried.fault}};
    return {{"name", tried.name}, {"microseconds", std::round(tried.seconds * 1e9) / 1e3}};
}

Json to_json(const TunedCall& call) {
    Json tried = Json::array();
    for (const TriedImplementation& each : call.tried) tried.push_back(to_json(each));
    return {{"kernel", call.kernel}, {"call", call.call}, {"chosen", call.chosen}, {"tried", tried}};
}

TunedCall call_from(const Json& json) {
    TunedCall call{json.at("kernel"), json.at("call"), json.at("chosen"), {}};
    for (const Json& each : json.at("tried")) {
        call.tried.push_back(
            {each.at("name"), each.value("microseconds", 0.0) * 1e-6, each.value("fault", std::string())});
    }
    return call;
}

struct Kept {
    std::string device;
    std::vector<TunedCall> calls;
};

Kept read_kept(const std::filesystem::path& path) {
    constexpr JsonLimits limits{.bytes = size_t{64} << 20};
    try {
        const Json json = parse_json<Json>(read_file(path, limits.bytes), limits);
        Kept kept{json.at("device"), {}};
        for (const Json& call : json.at("calls")) kept.calls.push_back(call_from(call));
        return kept;
    } catch (const FileError&) {
        throw;
    } catch (const std::exception&) {  // no JSON, or another one
        throw Error(
            fmt::format("--autotune {}: the file is not one of implementations that were tried; name "
                        "one that was written by --autotune, or one that is not there yet",
                        path.string()));
    }
}

double seconds_of(const TunedCall& call, const std::string& implementation) {
    const auto found = std::ranges::find(call.tried, implementation, &TriedImplementation::name);
    return found == call.tried.end() ? 0 : found->seconds;
}

/// Of the calls of one kernel.
struct Worth {
    int64_t calls = 0;
    int64_t others = 0;  // that do not take the first implementation
    int64_t faults = 0;  // implementations that cannot be chosen
    double first_seconds = 0, chosen_seconds = 0;

    void add(const TunedCall& call) {
        ++calls;
        others += call.chosen != call.tried.front().name;
        faults += std::ranges::count_if(call.tried, [](const auto& tried) { return !tried.fault.empty(); });
        first_seconds += seconds_of(call, call.tried.front().name);
        chosen_seconds += seconds_of(call, call.chosen);
    }
    std::string told(const std::string& kernel) const {
        std::string text = fmt::format(
            "autotune: {}: {} of {} shapes take another than the first implementation; each called once, "
            "they "
            "take {:.3g} ms in place of {:.3g}",
            kernel, others, calls, 1e3 * chosen_seconds, 1e3 * first_seconds);
        if (faults > 0)
            text += fmt::format("; {} {} a fault and {} never chosen", faults,
                                faults == 1 ? "trial showed" : "trials showed", faults == 1 ? "is" : "are");
        return text;
    }
};

}  // namespace

AutotuneFile::AutotuneFile(std::filesystem::path path, Device device, Tell tell)
    : path_(std::move(path)), identity_(device_identity(device)), tell_(std::move(tell)) {
    check_output_file("--autotune", path_.string());
    if (std::filesystem::exists(path_)) {
        Kept kept = read_kept(path_);
        if (kept.device == identity_) {
            calls_ = std::move(kept.calls);
        } else {
            tell_(fmt::format("{} was made by '{}' and this is '{}': implementations are tried anew",
                              path_.string(), kept.device, identity_));
        }
    }
    write();
    autotune_.emplace(listed_kernels(device), device, calls_, [this](const TunedCall& call) { add(call); });
}

void AutotuneFile::add(const TunedCall& call) {
    calls_.push_back(call);
    write();
}

void AutotuneFile::write() const {
    Json calls = Json::array();
    for (const TunedCall& call : calls_) calls.push_back(to_json(call));
    const std::string text = Json{{"device", identity_}, {"calls", calls}}.dump(1) + "\n";
    write_atomically(path_, {std::span<const char>(text)});
}

std::vector<std::string> AutotuneFile::summary() const {
    std::vector<std::pair<std::string, Worth>> kernels;
    for (const TunedCall& call : calls_) {
        if (call.tried.empty()) continue;
        auto found = std::ranges::find(kernels, call.kernel, &std::pair<std::string, Worth>::first);
        if (found == kernels.end()) found = kernels.insert(found, {call.kernel, {}});
        found->second.add(call);
    }
    std::vector<std::string> sentences;
    for (const auto& [kernel, worth] : kernels) sentences.push_back(worth.told(kernel));
    return sentences;
}

}  // namespace vitrine::tools
