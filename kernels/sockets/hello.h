// What processes say to one another until each is connected with each: structures of one size, as they lie in memory.
#pragma once

#include <array>
#include <cstdint>

namespace vitrine::sockets {

/// By which a process of ours is known: whatever else comes to a port, or answers there, says something else. The last byte is the
/// version of all that is said.
constexpr std::array<char, 8> ours{'v', 'i', 't', 'r', 'i', 'n', 'e', 1};

/// Drawn by process 0: the same in all processes of a run, and in those of no other.
using Token = std::array<uint64_t, 2>;

/// What a connection is for.
enum class Purpose : uint32_t {
    meeting,  // with process 0, which tells where all the others are
    data,
    control,
};

/// Whoever connects says this first.
struct Hello {
    std::array<char, 8> sender = ours;
    Token run{};  // zeros where it is not known yet
    Purpose purpose = Purpose::meeting;
    int32_t rank = 0, ranks = 0;
    uint32_t port = 0;  // of a meeting: where this process listens
};

enum class Answer : uint32_t {
    welcome,
    other_run,    // the token is another one
    other_count,  // of processes
    taken,        // there is such a process already
    incomplete,   // some have not come, and process 0 has given up
};

/// What it is answered.
struct Reply {
    std::array<char, 8> sender = ours;
    Answer answer = Answer::welcome;
    int32_t ranks = 0;  // that the other side knows of
};

/// A process listens there. Loopback means: on the machine of process 0.
struct Place {
    std::array<char, 60> host{};  // in figures, with a zero behind them
    uint32_t port = 0;
};

}  // namespace vitrine::sockets
