// A Collective over MPI: see join_mpi.h.

#include "kernels/mpi/join_mpi.h"

#include <fmt/format.h>
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "kernels/error.h"
#include "kernels/launch/neighbours.h"

namespace vitrine {
namespace {

using Clock = std::chrono::steady_clock;

/// MPI ends the program by itself where something fails, unless it is told to return its errors: a process that is gone, or the
/// way to it.
void check(int status) {
    if (status == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = {};
    int length = 0;
    MPI_Error_string(status, text, &length);
    throw AbsentProcess(std::string("the processes cannot reach each other: ") + text);
}

/// Its counts are ints: larger data go in pieces.
template <class Bytes, class Call>
void in_pieces(Bytes data, Call call) {
    constexpr size_t most = INT_MAX / 2;
    for (size_t begin = 0; begin < data.size(); begin += most) {
        const auto piece = data.subspan(begin, std::min(most, data.size() - begin));
        call(piece.data(), static_cast<int>(piece.size()));
    }
}

class Mpi final : public Collective {
  public:
    explicit Mpi(const Launched& launched) {
        int level = MPI_THREAD_SINGLE;
        check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &level));
        any_thread_ = level >= MPI_THREAD_SERIALIZED;
        check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
        check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_));
        check(MPI_Comm_size(MPI_COMM_WORLD, &ranks_));
        if (ranks_ != launched.processes) throw Error(of_another_launcher(launched.processes));
        neighbours_ = meet_neighbours(*this);
    }
    ~Mpi() override {
        if (all_met_) MPI_Finalize();  // else it would wait for those that have not come
    }
    Mpi(const Mpi&) = delete;
    Mpi& operator=(const Mpi&) = delete;

    int rank() const override { return rank_; }
    int ranks() const override { return ranks_; }
    int number_on_machine() const override { return neighbours_.number; }
    int cores() const override { return neighbours_.cores; }

    void set_patience(double seconds) override { patience_ = seconds; }
    double patience() const override { return patience_; }
    [[noreturn]] void throw_absent() override { throw AbsentProcess(absent()); }
    double waited_seconds() const override { return waited_; }
    void count_as_waited(double seconds) override { waited_ += seconds; }
    bool any_thread() const override { return any_thread_; }
    void give_up() override { given_up_ = true; }

    void send(std::span<const std::byte> data, int to) override {
        in_pieces(data, [&](const std::byte* piece, int size) {
            wait([&](MPI_Request* request) {
                return MPI_Isend(piece, size, MPI_BYTE, to, numbers, MPI_COMM_WORLD, request);
            });
        });
    }
    void receive(std::span<std::byte> data, int from) override {
        in_pieces(data, [&](std::byte* piece, int size) {
            wait([&](MPI_Request* request) {
                return MPI_Irecv(piece, size, MPI_BYTE, from, numbers, MPI_COMM_WORLD, request);
            });
        });
    }
    void broadcast(std::span<std::byte> data, int from) override {
        in_pieces(data, [&](std::byte* piece, int size) {
            wait([&](MPI_Request* request) {
                return MPI_Ibcast(piece, size, MPI_BYTE, from, MPI_COMM_WORLD, request);
            });
        });
    }
    void gather(std::span<std::byte> parts) override {
        const size_t part = parts.size() / static_cast<size_t>(ranks_);
        if (part * static_cast<size_t>(ranks_) != parts.size() || part > INT_MAX)
            throw std::logic_error("parts that cannot be gathered");
        wait([&](MPI_Request* request) {
            return MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, parts.data(), static_cast<int>(part),
                                  MPI_BYTE, MPI_COMM_WORLD, request);
        });
    }
    int64_t largest(int64_t value) override {
        int64_t most = 0;
        wait([&](MPI_Request* request) {
            return MPI_Iallreduce(&value, &most, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD, request);
        });
        return most;
    }
    bool meet(double seconds) override {
        MPI_Request request = MPI_REQUEST_NULL;
        check(MPI_Ibarrier(MPI_COMM_WORLD, &request));
        all_met_ = is_done_within(seconds, request);
        return all_met_;
    }
    [[noreturn]] void end_all(int code) override {
        MPI_Abort(MPI_COMM_WORLD, code);
        std::_Exit(code);
    }

  private:
    enum Tag { numbers, waiting };
    static constexpr double seconds_to_answer = 3.0;  // of those that wait, too

    std::string of_another_launcher(int launched) const {
        char library[MPI_MAX_LIBRARY_VERSION_STRING] = {};
        int length = 0;
        check(MPI_Get_library_version(library, &length));
        const std::string name(library, static_cast<size_t>(length));
        return fmt::format(
            "launched as one of {} processes, but this build's MPI ({}) finds {}: the launcher must be that "
            "MPI's own",
            launched, name.substr(0, name.find_first_of(",\n")), ranks_);
    }

    /// Asks again and again, and leaves the core to others meanwhile: there may be more processes than cores.
    bool is_done_within(double seconds, MPI_Request& request) const {
        constexpr int eager = 200;  // times without a pause: what is on its way comes within microseconds
        const auto begin = Clock::now();
        for (int asked = 0;; ++asked) {
            int done = 0;
            check(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
            if (done != 0) return true;
            if (given_up_) throw AbsentProcess("this process has given up");
            if (asked < eager) {
                ::sched_yield();
                continue;
            }
            if (std::chrono::duration<double>(Clock::now() - begin).count() >= seconds) return false;
            std::this_thread::sleep_for(std::chrono::microseconds(20));
        }
    }

    template <class Start>
    void wait(Start start) {
        const auto begin = Clock::now();
        MPI_Request request = MPI_REQUEST_NULL;
        check(start(&request));
        if (!is_done_within(patience_, request)) throw_absent();
        if (std::this_thread::get_id() == joined_)
            waited_ += std::chrono::duration<double>(Clock::now() - begin).count();
    }

    /// Whoever waits says so to all the others; the one that says nothing is the one that all wait for.
    std::string absent() const {
        std::vector<MPI_Request> sent(static_cast<size_t>(ranks_), MPI_REQUEST_NULL);
        std::vector<bool> waits(static_cast<size_t>(ranks_), false);
        waits[static_cast<size_t>(rank_)] = true;
        for (int other = 0; other < ranks_; ++other) {
            if (other != rank_)
                check(MPI_Isend(nullptr, 0, MPI_BYTE, other, waiting, MPI_COMM_WORLD,
                                &sent[static_cast<size_t>(other)]));
        }
        const auto end = Clock::now() + std::chrono::duration<double>(seconds_to_answer);
        while (Clock::now() < end) {
            int heard = 0;
            MPI_Status status;
            check(MPI_Iprobe(MPI_ANY_SOURCE, waiting, MPI_COMM_WORLD, &heard, &status));
            if (heard == 0) {
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
                continue;
            }
            check(MPI_Recv(nullptr, 0, MPI_BYTE, status.MPI_SOURCE, waiting, MPI_COMM_WORLD,
                           MPI_STATUS_IGNORE));
            waits[static_cast<size_t>(status.MPI_SOURCE)] = true;
        }
        std::string names;
        for (int other = 0; other < ranks_; ++other) {
            if (!waits[static_cast<size_t>(other)])
                names += fmt::format("{}{}", names.empty() ? "" : ", ", other);
        }
        return no_answer(patience_, names);
    }

    int rank_ = 0, ranks_ = 1;
    Neighbours neighbours_;
    double patience_ = std::numeric_limits<double>::infinity();
    const std::thread::id joined_ = std::this_thread::get_id();
    bool any_thread_ = false;
    double waited_ = 0.0;
    std::atomic<bool> given_up_ = false;
    bool all_met_ = false;
};

}  // namespace

bool build_has_mpi() { return true; }

std::unique_ptr<Collective> join_mpi(const Launched& launched) { return std::make_unique<Mpi>(launched); }

}  // namespace vitrine
