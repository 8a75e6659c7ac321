// Where processes meet: see meeting_place.h.

#include "kernels/launch/meeting_place.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "kernels/error.h"

namespace vitrine {
namespace {

std::string value_of(const char* variable) {
    const char* const text = std::getenv(variable);
    return text == nullptr ? "" : text;
}

}  // namespace

MeetingPlace meeting_place(const Launched& launched) {
    MeetingPlace place{.rank = launched.rank, .ranks = launched.processes, .host = value_of("MASTER_ADDR")};
    if (place.host.empty())
        throw Error(
            fmt::format("launched by {} as one of {} processes, but MASTER_ADDR is not set: it must name the "
                        "machine of process 0",
                        launched.launcher, launched.processes));
    place.port = static_cast<uint16_t>(number_in("MASTER_PORT", 1, 65535));
    place.is_store = value_of("TORCHELASTIC_USE_AGENT_STORE") == "True";
    place.run = fmt::format("{}/{}", value_of("TORCHELASTIC_RUN_ID"), value_of("TORCHELASTIC_RESTART_COUNT"));
    if (is_set("VITRINE_MEETING_SECONDS")) place.seconds = number_in("VITRINE_MEETING_SECONDS", 1, 86400);
    return place;
}

}  // namespace vitrine
