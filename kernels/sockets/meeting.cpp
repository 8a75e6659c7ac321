// The processes meet at process 0: see meeting.h.

#include "kernels/sockets/meeting.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "kernels/error.h"
#include "kernels/sockets/first_place.h"

namespace vitrine::sockets {
namespace {

constexpr std::chrono::milliseconds between_attempts{100};
constexpr std::chrono::seconds to_answer{5};  // of a process that is there

Token random_token() {
    std::random_device random;
    const auto draw = [&] { return uint64_t{random()} << 32 | random(); };
    return {draw(), draw()};
}

Place place_of(const std::string& host, uint32_t port) {
    Place place{.port = port};
    std::copy_n(host.begin(), std::min(host.size(), place.host.size() - 1), place.host.begin());
    return place;
}

std::span<const std::byte> bytes_of_all(const std::vector<Place>& places) {
    return std::as_bytes(std::span(places));
}

/// Calls until nothing is unreachable any more. Throws Error, `sentence` and the reason, where the time is over before.
template <class Call>
auto until(Deadline deadline, const std::string& sentence, Call call) {
    for (;;) {
        try {
            return call();
        } catch (const Unreachable& unreachable) {
            if (Clock::now() + between_attempts >= deadline)
                throw Error(fmt::format("{}: {}", sentence, unreachable.what()));
        }
        std::this_thread::sleep_for(between_attempts);
    }
}

/// Process 0 receives the others.
class Host {
  public:
    Host(const MeetingPlace& place, Door& door)
        : place_(place), door_(door), run_(random_token()), guests_(static_cast<size_t>(place.ranks)) {}

    Table meet(Deadline deadline) {
        until(deadline, "process 0 cannot tell the others where it is",
              [&] { publish(place_, door_.port(), run_, deadline); });
        while (!missing().empty()) {
            std::optional<Guest> guest = door_.next(deadline);
            if (!guest) give_up();
            receive(std::move(*guest));
        }
        const Table table{run_, places()};
        for (const Guest& guest : guests_) {
            if (guest.connection.is_there()) tell(guest, table);
        }
        return table;
    }

  private:
    /// Who has come may have gone again.
    bool is_here(size_t rank) const {
        const Connection& connection = guests_[rank].connection;
        return connection.is_there() && !connection.is_closed();
    }

    std::string missing() const {
        std::string names;
        for (size_t rank = 1; rank < guests_.size(); ++rank) {
            if (!is_here(rank)) names += fmt::format("{}{}", names.empty() ? "" : ", ", rank);
        }
        return names;
    }

    Answer answer_to(const Hello& hello) const {
        if (hello.run != (place_.is_store ? run_ : Token{})) return Answer::other_run;
        if (hello.ranks != place_.ranks) return Answer::other_count;
        const bool known = hello.rank > 0 && hello.rank < place_.ranks && hello.purpose == Purpose::meeting;
        if (!known) return Answer::other_run;
        return is_here(static_cast<size_t>(hello.rank)) ? Answer::taken : Answer::welcome;
    }

    void receive(Guest guest) {
        const Answer answer = answer_to(guest.hello);
        try {
            reply(guest, answer);
        } catch (const Unreachable&) {
            return;  // it has gone, and may come again
        }
        if (answer == Answer::welcome)
            guests_[static_cast<size_t>(guest.hello.rank)] = std::move(guest);
        else
            refused_ = fmt::format("; refused: one that takes itself for process {} of {}", guest.hello.rank,
                                   guest.hello.ranks);
    }

    void reply(const Guest& guest, Answer answer) const {
        guest.connection.write(bytes_of(Reply{.answer = answer, .ranks = place_.ranks}),
                               Clock::now() + to_answer);
    }

    [[noreturn]] void give_up() const {
        const std::string names = missing();
        for (const Guest& guest : guests_) {
            try {
                if (guest.connection.is_there()) reply(guest, Answer::incomplete);
            } catch (const Unreachable&) {
                // It finds out by itself.
            }
        }
        throw Error(fmt::format("process {} of {} has not come to {}:{} within {:g} seconds{}", names,
                                place_.ranks, place_.host, place_.port, place_.seconds, refused_));
    }

    std::vector<Place> places() const {
        std::vector<Place> places{place_of("127.0.0.1", door_.port())};
        for (size_t rank = 1; rank < guests_.size(); ++rank)
            places.push_back(place_of(guests_[rank].connection.there(), guests_[rank].hello.port));
        return places;
    }

    void tell(const Guest& guest, const Table& table) const {
        try {
            reply(guest, Answer::welcome);
            guest.connection.write(bytes_of(table.run), Clock::now() + to_answer);
            guest.connection.write(bytes_of_all(table.places), Clock::now() + to_answer);
        } catch (const Unreachable& unreachable) {
            throw Error(fmt::format("process {} is gone: {}", guest.hello.rank, unreachable.what()));
        }
    }

    const MeetingPlace& place_;
    Door& door_;
    const Token run_;
    std::vector<Guest> guests_;  // by rank
    std::string refused_;        // the last of them
};

void require_welcome(const Reply& reply) {
    const std::string stranger = "what answers there is no such process";
    if (reply.sender != ours) throw Unreachable(stranger);
    switch (reply.answer) {
        case Answer::welcome:
            return;
        case Answer::other_run:
            throw Unreachable("process 0 of another run answers");
        case Answer::other_count:
            throw Unreachable(fmt::format("process 0 of {} processes answers", reply.ranks));
        case Answer::taken:
            throw Unreachable("it has received another process of this number");
        case Answer::incomplete:
            throw Error("process 0 has given up: not all of the others have come");
    }
    throw Unreachable(stranger);
}

/// One attempt of another process than the first.
Table visit(const MeetingPlace& place, const Door& door, Deadline deadline) {
    const FirstPlace first = find_first(place, deadline);
    const Connection connection = connect_to(first.host, first.port, deadline);
    try {
        connection.write(
            bytes_of(Hello{.run = first.run, .rank = place.rank, .ranks = place.ranks, .port = door.port()}),
            deadline);
        require_welcome(read_one<Reply>(connection, std::min(deadline, Clock::now() + to_answer)));
        require_welcome(read_one<Reply>(connection, deadline));
        Table table{read_one<Token>(connection, deadline),
                    std::vector<Place>(static_cast<size_t>(place.ranks))};
        connection.read(std::as_writable_bytes(std::span(table.places)), deadline);
        for (Place& each : table.places) {
            each.host.back() = '\0';
            if (is_loopback(each.host.data())) each = place_of(connection.there(), each.port);
        }
        return table;
    } catch (const Unreachable& unreachable) {
        throw Unreachable(fmt::format("{}:{}: {}", first.host, first.port, unreachable.what()));
    }
}

}  // namespace

Table meet_all(const MeetingPlace& place, Door& door, Deadline deadline) {
    if (place.rank == 0) return Host(place, door).meet(deadline);
    return until(deadline,
                 fmt::format("process {} of {} has not met process 0 within {:g} seconds", place.rank,
                             place.ranks, place.seconds),
                 [&] { return visit(place, door, deadline); });
}

}  // namespace vitrine::sockets
