// How the stand-in NCCL's processes reach each other: a socket between any two of them, on one machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vitrine::stand_in {

/// What goes before the data of a message, and must be what the other side expects.
struct MessageHead {
    uint32_t call = 0;  // which function
    uint32_t type = 0;
    uint64_t count = 0;
    int32_t root = -1;
    uint32_t number = 0;  // of the messages from that process to this one

    bool operator==(const MessageHead&) const = default;
};

class Links {
  public:
    /// Waits for the others, a minute at most. Throws Wrong (calls.h) where one does not come.
    Links(const std::string& name, int rank, int ranks);
    ~Links();
    Links(const Links&) = delete;
    Links& operator=(const Links&) = delete;

    /// Bytes that went or came, without waiting; -1 where the other process is gone.
    long send(int to, const void* data, size_t bytes) const;
    long receive(int from, void* data, size_t bytes) const;

  private:
    void listen(const std::string& name);
    void connect(const std::string& name, int other);
    void accept();

    int rank_, ranks_;
    int listener_ = -1;
    std::vector<int> sockets_;  // by the other's rank; -1: none
};

}  // namespace vitrine::stand_in
