// A store as torchrun keeps it for its processes, or what is none: on a port of this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "kernels/sockets/connection.h"

namespace vitrine::tests {

class StandInStore {
  public:
    /// Calls `instead` for each connection, counted from 0: where it returns true, that is all that the other side hears.
    using Instead = std::function<bool(int number, const sockets::Connection&)>;

    explicit StandInStore(std::map<std::string, std::string> values = {}, Instead instead = {});
    ~StandInStore();

    uint16_t port() const { return port_; }

  private:
    void run();
    void serve(const sockets::Connection& connection);

    std::map<std::string, std::string> values_;
    Instead instead_;
    int listening_;
    uint16_t port_ = 0;
    std::jthread thread_;
};

}  // namespace vitrine::tests
