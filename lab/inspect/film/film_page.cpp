// A film as a page: see film_page.h.

#include "lab/inspect/film/film_page.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "lab/inspect/film/source_text.h"
#include "tools/common/base64.h"
#include "tools/common/html_page.h"

namespace vitrine::inspect {
namespace {

using Json = nlohmann::ordered_json;

Json triple(const dim3& size) { return {size.x, size.y, size.z}; }
Json triple(const uint3& place) { return {place.x, place.y, place.z}; }

/// The whole launch, as the executor counted it.
Json totals(const simt::LaunchReport& launch) {
    simt::LineTraffic sum;
    uint64_t global_requests = 0;
    for (const simt::LineTraffic& line : launch.traffic) {
        global_requests += line.shared ? 0 : line.requests;
        sum.requests += line.requests;
        sum.bytes += line.shared ? 0 : line.bytes;
        sum.sectors += line.sectors;
        sum.ideal_sectors += line.ideal_sectors;
        sum.passes += line.passes;
        sum.ideal_passes += line.ideal_passes;
        sum.partial += line.partial;
    }
    return {{"requests", global_requests},
            {"shared_requests", sum.requests - global_requests},
            {"bytes", sum.bytes},
            {"sectors", sum.sectors},
            {"ideal_sectors", sum.ideal_sectors},
            {"passes", sum.passes},
            {"ideal_passes", sum.ideal_passes},
            {"partial", sum.partial},
            {"barriers", launch.barriers},
            {"warp_operations", launch.warp_operations},
            {"multiply_adds", launch.fused_multiply_adds}};
}

/// Addresses count from the lowest buffer, and in shared memory from the lowest variable, in steps that leave sectors and
/// banks as they are.
class Addresses {
  public:
    explicit Addresses(const std::vector<simt::RecordedMemory>& memory) {
        for (const simt::RecordedMemory& each : memory) {
            base_[each.shared] = std::min(base_[each.shared], each.address / step * step);
        }
    }
    uint32_t operator()(uint64_t address, bool shared) const {
        return static_cast<uint32_t>(address - base_[shared]);
    }

  private:
    static constexpr uint64_t step = 128;
    uint64_t base_[2]{UINT64_MAX, UINT64_MAX};
};

/// Buffers by their operands' names; what is no operand is scratch memory of the kernel's own.
Json memory(const Film& film, const Addresses& addresses) {
    Json all = Json::array();
    for (const simt::RecordedMemory& each : film.record.memory) {
        const auto tensor = std::ranges::find_if(film.tensors, [&](const FilmTensor& candidate) {
            return !each.shared && candidate.address - each.address < each.bytes;
        });
        const bool is_tensor = tensor != film.tensors.end();
        all.push_back({{"name", is_tensor     ? tensor->name
                                : each.shared ? each.name
                                              : "scratch"},
                       {"dtype", is_tensor ? name_of(tensor->dtype) : ""},
                       {"shared", each.shared},
                       {"address", addresses(is_tensor ? tensor->address : each.address, each.shared)},
                       {"bytes", is_tensor ? tensor->bytes : each.bytes}});
    }
    return all;
}

Json launches(const Film& film) {
    Json all = Json::array();
    for (const simt::LaunchReport& launch : film.launches) {
        all.push_back({{"kernel", launch.kernel},
                       {"grid", triple(launch.grid)},
                       {"block", triple(launch.block)},
                       {"accessed", launch.global_bytes_read + launch.global_bytes_written +
                                        launch.shared_bytes_read + launch.shared_bytes_written}});
    }
    return all;
}

Json findings(const simt::BlockRecord& record) {
    Json all = Json::array();
    for (const simt::RecordedFinding& finding : record.findings) {
        all.push_back({{"kind", finding.kind},
                       {"where", finding.where},
                       {"message", finding.message},
                       {"thread", triple(finding.thread)},
                       {"times", finding.times}});
    }
    return all;
}

/// A row of numbers an event, in the order in which film_data.js takes them apart.
Json events(const simt::BlockRecord& record) {
    Json all = Json::array();
    for (const simt::RecordedEvent& event : record.events) {
        all.push_back({static_cast<int>(event.kind), event.warp, event.interval, event.line, event.lanes,
                       event.of_lanes, event.bytes, event.shared ? 1 : 0, event.cost.sectors,
                       event.cost.ideal_sectors, event.cost.passes, event.cost.ideal_passes, event.finding});
    }
    return all;
}

/// Of each event, one after another, and each lane that takes part: of a request the address and the value in words of 4
/// bytes, of what lanes do together the source lane and two words.
std::string words(const simt::BlockRecord& record, const Addresses& addresses) {
    std::string bytes;
    const auto add = [&](uint32_t word) { bytes.append(reinterpret_cast<const char*>(&word), sizeof(word)); };
    for (const simt::RecordedEvent& event : record.events) {
        const size_t count = event.is_request() ? (event.bytes + 3u) / 4 : 2;
        for (uint32_t left = event.lanes; left != 0; left &= left - 1) {
            const simt::RecordedLane& lane = event.by_lane[static_cast<size_t>(__builtin_ctz(left))];
            add(event.is_request() ? addresses(lane.address, event.shared) : lane.source);
            for (size_t i = 0; i < count; ++i) add(lane.words[i]);
        }
    }
    return tools::base64(bytes);
}

Json film_json(const Film& film) {
    const simt::BlockRecord& record = film.record;
    const Addresses addresses(record.memory);
    Json lines = Json::array();
    for (const std::string& where : record.lines) {
        const SourceLine line = kernels_line(where);
        lines.push_back({{"where", where}, {"file", line.file}, {"number", line.number}});
    }
    Json intervals = Json::array();
    for (const simt::RecordedInterval& interval : record.intervals) {
        intervals.push_back({{"barrier", interval.at_barrier ? Json(interval.line) : Json()},
                             {"multiply_adds", interval.fused_multiply_adds}});
    }
    return {{"kernel", film.kernel},
            {"implementation", film.implementation},
            {"shape", film.shape},
            {"launches", launches(film)},
            {"filmed", film.filmed},
            {"function", record.kernel},
            {"grid", triple(record.grid)},
            {"block", triple(record.block)},
            {"place", triple(record.place)},
            {"launch", totals(film.launch())},
            {"memory", memory(film, addresses)},
            {"lines", std::move(lines)},
            {"intervals", std::move(intervals)},
            {"findings", findings(record)},
            {"left_out", record.left_out},
            {"events", events(record)},
            {"words", words(record, addresses)}};
}

/// The text of each file that a line is of, as far as it is there.
Json sources(const std::vector<Film>& films) {
    std::map<std::string, std::string> texts;
    for (const Film& film : films) {
        for (const std::string& where : film.record.lines) {
            const std::string file = kernels_line(where).file;
            if (file.empty() || texts.contains(file)) continue;
            if (std::optional<std::string> text = source_text(file)) texts[file] = std::move(*text);
        }
    }
    return texts;
}

}  // namespace

Json film_data(const std::vector<Film>& films) {
    Json all = Json::array();
    for (const Film& film : films) all.push_back(film_json(film));
    return {{"films", std::move(all)}, {"sources", sources(films)}};
}

std::string film_html(const std::vector<Film>& films) {
    return tools::page_with_data(film::page,
                                 film_data(films).dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace vitrine::inspect
