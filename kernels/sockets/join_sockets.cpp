// A Collective over TCP: see join_sockets.h.

#include "kernels/sockets/join_sockets.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/launch/neighbours.h"
#include "kernels/sockets/links.h"
#include "kernels/sockets/mesh.h"

namespace vitrine {
namespace {

using sockets::Kind;

class Sockets final : public Collective {
  public:
    explicit Sockets(const MeetingPlace& place)
        : rank_(place.rank),
          ranks_(place.ranks),
          links_(sockets::connect_all(place)),
          neighbours_(meet_neighbours(*this)) {}

    int rank() const override { return rank_; }
    int ranks() const override { return ranks_; }
    int number_on_machine() const override { return neighbours_.number; }
    int cores() const override { return neighbours_.cores; }

    void set_patience(double seconds) override { patience_ = seconds; }
    double patience() const override { return patience_; }
    double waited_seconds() const override { return waited_; }
    void count_as_waited(double seconds) override { waited_ += seconds; }
    bool any_thread() const override { return true; }
    void give_up() override { links_.give_up(); }
    [[noreturn]] void throw_absent() override { throw AbsentProcess(no_answer(patience_, links_.silent())); }

    void send(std::span<const std::byte> data, int to) override {
        links_.send(to, Kind::numbers, data);
        wait();
    }
    void receive(std::span<std::byte> data, int from) override {
        links_.receive(from, Kind::numbers, data);
        wait();
    }
    /// Down a binomial tree: with a process's number counted from `from`, what it has from is that without its lowest bit.
    void broadcast(std::span<std::byte> data, int from) override {
        const int number = (rank_ - from + ranks_) % ranks_;
        const auto process = [&](int other) { return (other + from) % ranks_; };
        int bit = 1;
        while (bit < ranks_ && (number & bit) == 0) bit *= 2;
        if (number > 0) {
            links_.receive(process(number - bit), Kind::broadcast, data);
            wait();
        }
        for (bit /= 2; bit > 0; bit /= 2) {
            if (number + bit < ranks_) links_.send(process(number + bit), Kind::broadcast, data);
        }
        wait();
    }
    void gather(std::span<std::byte> parts) override {
        begin_gather(parts, Kind::gather);
        wait();
    }
    int64_t largest(int64_t value) override {
        std::vector<int64_t> values(static_cast<size_t>(ranks_));
        values[static_cast<size_t>(rank_)] = value;
        gather(std::as_writable_bytes(std::span(values)));
        return *std::ranges::max_element(values);
    }
    bool meet(double seconds) override {
        begin_gather({}, Kind::meeting);
        try {
            if (!links_.finish(seconds)) return false;
        } catch (const AbsentProcess&) {
            return false;
        }
        links_.leave();
        return true;
    }
    std::optional<int> ended_within(double seconds) override { return links_.ended_within(seconds); }
    [[noreturn]] void end_all(int code) override {
        links_.tell_end(code);
        std::_Exit(code);
    }

  private:
    using Clock = std::chrono::steady_clock;

    void begin_gather(std::span<std::byte> parts, Kind kind) {
        const size_t size = parts.size() / static_cast<size_t>(ranks_);
        if (size * static_cast<size_t>(ranks_) != parts.size())
            throw std::logic_error("parts that cannot be gathered");
        const auto part = [&](int of) { return parts.subspan(static_cast<size_t>(of) * size, size); };
        for (int other = 0; other < ranks_; ++other) {
            if (other == rank_) continue;
            links_.send(other, kind, part(rank_));
            links_.receive(other, kind, part(other));
        }
    }

    void wait() {
        const auto begin = Clock::now();
        if (!links_.finish(patience_)) throw_absent();
        if (std::this_thread::get_id() == joined_)
            waited_ += std::chrono::duration<double>(Clock::now() - begin).count();
    }

    const int rank_, ranks_;
    double patience_ = std::numeric_limits<double>::infinity();
    const std::thread::id joined_ = std::this_thread::get_id();
    double waited_ = 0.0;
    sockets::Links links_;
    const Neighbours neighbours_;
};

}  // namespace

std::unique_ptr<Collective> join_sockets(const MeetingPlace& place) {
    return std::make_unique<Sockets>(place);
}

}  // namespace vitrine
