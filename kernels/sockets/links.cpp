// Messages between processes that are connected: see links.h.

#include "kernels/sockets/links.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio.hpp>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "kernels/collective.h"

namespace vitrine::sockets {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Seconds = std::chrono::duration<double>;

/// Of those that wait, too, and of a connection that tells what has ended the other.
constexpr double seconds_to_answer = 3.0;
constexpr std::chrono::milliseconds longest_pause{50};  // between two looks at what other threads say
constexpr int eager = 200;  // looks without a pause: what is on its way comes within microseconds

/// Before each message's data.
struct Header {
    Kind kind{};
    uint64_t size = 0;  // bytes

    bool operator==(const Header&) const = default;
};

/// On the other connection, at any time.
struct Notice {
    enum class What : uint32_t { ended, waits, leaves };
    What what{};
    int32_t code = 0;  // the exit code that all end with
};

struct Peer {
    Peer(asio::io_context& context, Link link) : data(context), control(context) {
        data.assign(tcp::v6(), link.data.release());
        control.assign(tcp::v6(), link.control.release());
        control.non_blocking(true);  // whoever tells something waits for nobody
    }

    tcp::socket data, control;
    Header sent, awaited, received;
    Notice notice;
    bool waits = false;         // it has said so,
    bool told_waiting = false;  // and we have
    bool leaves = false;
    bool gone = false;
};

}  // namespace

struct Links::Inside {
    explicit Inside(std::vector<Link> links) {
        for (Link& link : links)
            peers.push_back(link.data.is_there() ? std::make_unique<Peer>(context, std::move(link))
                                                 : nullptr);
        for (size_t each = 0; each < peers.size(); ++each) {
            if (peers[each]) listen(each);
        }
    }

    void listen(size_t from) {
        Peer& peer = *peers[from];
        asio::async_read(peer.control, asio::buffer(&peer.notice, sizeof peer.notice),
                         [this, from](const error_code& failure, size_t) {
                             if (failure)
                                 peers[from]->gone = true;
                             else
                                 hear(from);
                         });
    }

    void hear(size_t from) {
        Peer& peer = *peers[from];
        switch (peer.notice.what) {
            case Notice::What::ended:
                if (!ended) ended = peer.notice.code;
                break;
            case Notice::What::waits:
                peer.waits = true;
                if (pending > 0) tell_waiting(peer);
                break;
            case Notice::What::leaves:
                peer.leaves = true;
                break;
        }
        listen(from);
    }

    static void tell(Peer& peer, const Notice& notice) {
        error_code ignored;  // whoever is gone needs not be told
        peer.control.send(asio::buffer(&notice, sizeof notice), 0, ignored);
    }
    static void tell_waiting(Peer& peer) {
        if (!std::exchange(peer.told_waiting, true)) tell(peer, {Notice::What::waits});
    }

    /// What goes on after so many of `size` bytes: as many at once as the system takes.
    auto rest_of(size_t size) {
        return [this, size](const error_code& failure, size_t done) {
            return failure || abandoned ? 0 : size - done;
        };
    }

    void done(size_t peer, const error_code& failure) {
        if (abandoned) return;
        --pending;
        if (failure && !lost) lost = Lost{peer, Clock::now()};
    }

    void read_data(size_t from, std::span<std::byte> data) {
        if (abandoned) return;
        Peer& peer = *peers[from];
        if (peer.received != peer.awaited)
            throw std::logic_error(
                fmt::format("process {} has sent {} bytes (of kind {}) where {} (of kind {}) were awaited",
                            from, peer.received.size, static_cast<uint64_t>(peer.received.kind),
                            peer.awaited.size, static_cast<uint64_t>(peer.awaited.kind)));
        asio::async_read(peer.data, asio::buffer(data.data(), data.size()), rest_of(data.size()),
                         [this, from](const error_code& failure, size_t) { done(from, failure); });
    }

    /// Whoever is gone without having said that it leaves has failed. What has ended it may be told on the other connection
    /// after the one for data has broken.
    void require_others() {
        if (ended) throw EndedElsewhere{*ended};
        if (given_up) throw AbsentProcess("this process has given up");
        for (size_t each = 0; each < peers.size(); ++each) {
            if (peers[each] && peers[each]->gone && !peers[each]->leaves) throw_gone(each);
        }
        if (lost && Seconds(Clock::now() - lost->since).count() > seconds_to_answer) throw_gone(lost->peer);
    }

    [[noreturn]] static void throw_gone(size_t peer) {
        throw AbsentProcess(fmt::format("process {} has ended, or the connection to it is lost", peer));
    }

    /// What was begun writes and reads memory that its owner may take away now. The connections stay: the others would take us
    /// for gone.
    void abandon() {
        abandoned = true;
        for (const auto& peer : peers) {
            error_code ignored;
            if (peer) peer->data.cancel(ignored);
        }
    }

    bool wait(double seconds) {
        const auto begin = Clock::now();
        for (int looked = 0; pending > 0 || lost; ++looked) {
            if (looked < eager) {
                context.poll();
                ::sched_yield();
            } else {
                const double left = seconds - Seconds(Clock::now() - begin).count();
                if (left <= 0.0) return false;
                context.run_one_for(std::min(longest_pause, std::chrono::ceil<std::chrono::milliseconds>(
                                                                Seconds(std::min(left, 1.0)))));
            }
            require_others();
        }
        return true;
    }

    struct Lost {
        size_t peer = 0;
        Clock::time_point since;
    };

    asio::io_context context{1};
    const asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
    std::vector<std::unique_ptr<Peer>> peers;  // null: this process
    int pending = 0;                           // messages that are under way
    std::optional<Lost> lost;                  // a connection that broke
    std::optional<int> ended;                  // by another process, with this exit code
    std::atomic<bool> given_up = false;
    bool abandoned = false;  // no message is of use any more
    bool leaving = false;
};

Links::Links(std::vector<Link> links) : inside_(std::make_unique<Inside>(std::move(links))) {}

Links::~Links() {
    for (const auto& peer : inside_->peers) {
        if (peer && inside_->leaving) Inside::tell(*peer, {Notice::What::leaves});
    }
}

void Links::send(int to, Kind kind, std::span<const std::byte> data) {
    Inside& inside = *inside_;
    const auto index = static_cast<size_t>(to);
    Peer& peer = *inside.peers.at(index);
    peer.sent = {kind, data.size()};
    ++inside.pending;
    const std::array<asio::const_buffer, 2> both{asio::buffer(&peer.sent, sizeof peer.sent),
                                                 asio::buffer(data.data(), data.size())};
    asio::async_write(peer.data, both, inside.rest_of(sizeof peer.sent + data.size()),
                      [&inside, index](const error_code& failure, size_t) { inside.done(index, failure); });
}

void Links::receive(int from, Kind kind, std::span<std::byte> data) {
    Inside& inside = *inside_;
    const auto index = static_cast<size_t>(from);
    Peer& peer = *inside.peers.at(index);
    peer.awaited = {kind, data.size()};
    ++inside.pending;
    asio::async_read(peer.data, asio::buffer(&peer.received, sizeof peer.received),
                     [&inside, index, data](const error_code& failure, size_t) {
                         if (failure)
                             inside.done(index, failure);
                         else
                             inside.read_data(index, data);
                     });
}

bool Links::finish(double seconds) {
    try {
        if (inside_->wait(seconds)) return true;
    } catch (...) {
        inside_->abandon();
        throw;
    }
    inside_->abandon();
    return false;
}

void Links::give_up() { inside_->given_up = true; }

std::string Links::silent() {
    Inside& inside = *inside_;
    for (const auto& peer : inside.peers) {
        if (peer) Inside::tell_waiting(*peer);
    }
    if (const std::optional<int> code = ended_within(seconds_to_answer)) throw EndedElsewhere{*code};
    std::string names;
    for (size_t each = 0; each < inside.peers.size(); ++each) {
        if (inside.peers[each] && !inside.peers[each]->waits)
            names += fmt::format("{}{}", names.empty() ? "" : ", ", each);
    }
    return names;
}

std::optional<int> Links::ended_within(double seconds) {
    const auto begin = Clock::now();
    inside_->context.poll();
    for (;;) {
        const Seconds left = Seconds(seconds) - (Clock::now() - begin);
        if (inside_->ended || left.count() <= 0.0) return inside_->ended;
        inside_->context.run_one_for(std::chrono::ceil<std::chrono::milliseconds>(left));
    }
}

void Links::tell_end(int code) {
    for (const auto& peer : inside_->peers) {
        if (peer) Inside::tell(*peer, {Notice::What::ended, code});
    }
}

void Links::leave() { inside_->leaving = true; }

}  // namespace vitrine::sockets
