// How each process comes to be connected with each other one: see mesh.h.

#include "kernels/sockets/mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "kernels/error.h"
#include "kernels/sockets/door.h"
#include "kernels/sockets/first_place.h"
#include "kernels/sockets/hello.h"
#include "kernels/sockets/meeting.h"

namespace vitrine::sockets {
namespace {

Connection& of(Link& link, Purpose purpose) { return purpose == Purpose::control ? link.control : link.data; }

bool is_whole(const Link& link) { return link.data.is_there() && link.control.is_there(); }

/// Each process goes to those before it, and those behind it come.
class Mesh {
  public:
    Mesh(const MeetingPlace& place, const Table& table, Deadline deadline)
        : place_(place), table_(table), deadline_(deadline), links_(table.places.size()) {}

    std::vector<Link> connect(Door& door) {
        for (int other = 0; other < place_.rank; ++other) go_to(other);
        for (int other = place_.rank + 1; other < place_.ranks; ++other) {
            while (!is_whole(link(other))) receive(door.next(deadline_), other);
        }
        // Only now, for those may have waited for us.
        for (int other = 0; other < place_.rank; ++other) require_answers(other);
        return std::move(links_);
    }

  private:
    Link& link(int other) { return links_[static_cast<size_t>(other)]; }

    template <class Call>
    void reach(int other, Call call) const {
        try {
            call();
        } catch (const Unreachable& unreachable) {
            throw Error(
                fmt::format("process {} cannot reach process {}: {}; each must be able to open connections "
                            "to each, at any port",
                            place_.rank, other, unreachable.what()));
        }
    }

    void go_to(int other) {
        const Place& there = table_.places[static_cast<size_t>(other)];
        reach(other, [&] {
            for (const Purpose purpose : {Purpose::data, Purpose::control}) {
                Connection connection =
                    connect_to(there.host.data(), static_cast<uint16_t>(there.port), deadline_);
                connection.write(
                    bytes_of(Hello{
                        .run = table_.run, .purpose = purpose, .rank = place_.rank, .ranks = place_.ranks}),
                    deadline_);
                of(link(other), purpose) = std::move(connection);
            }
        });
    }

    bool is_awaited(const Hello& hello) {
        return hello.run == table_.run && hello.ranks == place_.ranks &&
               (hello.purpose == Purpose::data || hello.purpose == Purpose::control) &&
               hello.rank > place_.rank && hello.rank < place_.ranks &&
               !of(link(hello.rank), hello.purpose).is_there();
    }

    void receive(std::optional<Guest> guest, int awaited) {
        if (!guest)
            throw Error(
                fmt::format("process {} waits for process {}, which does not come: each must be able to open "
                            "connections to each, at any port",
                            place_.rank, awaited));
        const bool right = is_awaited(guest->hello);
        try {
            const Reply reply{.answer = right ? Answer::welcome : Answer::other_run, .ranks = place_.ranks};
            guest->connection.write(bytes_of(reply), deadline_);
        } catch (const Unreachable&) {
            return;  // who is awaited is missed by the next that is asked of it
        }
        if (right) of(link(guest->hello.rank), guest->hello.purpose) = std::move(guest->connection);
    }

    void require_answers(int other) {
        reach(other, [&] {
            for (const Connection* each : {&link(other).data, &link(other).control}) {
                const auto reply = read_one<Reply>(*each, deadline_);
                if (reply.sender != ours || reply.answer != Answer::welcome)
                    throw Unreachable("another program answers there");
            }
        });
    }

    const MeetingPlace& place_;
    const Table& table_;
    const Deadline deadline_;
    std::vector<Link> links_;
};

Deadline after(double seconds) {
    return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

std::vector<Link> connect_all(const MeetingPlace& place) {
    Door door(place.rank == 0 ? port_of_first(place) : uint16_t{0});
    const Table table = meet_all(place, door, after(place.seconds));
    return Mesh(place, table, after(place.seconds)).connect(door);
}

}  // namespace vitrine::sockets
