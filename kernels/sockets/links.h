// Messages between processes that are connected, each with each. What is begun goes on together, and finish() waits for all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/sockets/mesh.h"

namespace vitrine::sockets {

/// Which function of a Collective a message belongs to: both sides must be in the same one.
enum class Kind : uint64_t { numbers, broadcast, gather, meeting };

class Links {
  public:
    explicit Links(std::vector<Link> links);
    /// Tells the others that this process leaves as agreed, if leave() was called.
    ~Links();

    /// Begin; the memory must stay until finish() has ended. One message to each and one from each at a time.
    void send(int to, Kind kind, std::span<const std::byte> data);
    void receive(int from, Kind kind, std::span<std::byte> data);
    /// Waits for what was begun: false where it takes longer, and no message is of use after that, as after an exception. Throws
    /// AbsentProcess where another process is gone, whichever, EndedElsewhere where one has ended all, and std::logic_error where
    /// one has sent something else than was awaited.
    bool finish(double seconds);
    /// From any thread: finish() throws AbsentProcess.
    void give_up();

    /// Who does not answer within seconds that it waits, too: numbers with commas between. Throws as finish() does.
    std::string silent();
    /// Waits for the others to end all: with this exit code.
    std::optional<int> ended_within(double seconds);
    /// As far as they can be told without waiting.
    void tell_end(int code);
    /// From now on all others may end.
    void leave();

  private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

}  // namespace vitrine::sockets
