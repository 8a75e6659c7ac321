// A client of the store that torchrun keeps for its processes: PyTorch's TCPStore, from 2.0 on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/sockets/connection.h"

namespace vitrine::sockets {

/// Its functions throw Unreachable, also where what answers is no such store.
class Store {
  public:
    Store(const std::string& host, uint16_t port, Deadline deadline);

    void set(std::string_view key, std::string_view value) const;
    /// Nothing where nobody has set it.
    std::optional<std::string> get(std::string_view key) const;
    const Connection& connection() const { return connection_; }

  private:
    [[noreturn]] void refuse(const std::string& clause) const;
    template <class Call>
    auto ask(Call call) const;

    std::string place_;
    Deadline deadline_;
    Connection connection_;
};

}  // namespace vitrine::sockets
