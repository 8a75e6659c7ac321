// A port where other processes knock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "kernels/sockets/connection.h"
#include "kernels/sockets/hello.h"

namespace vitrine::sockets {

struct Guest {
    Hello hello;
    Connection connection;
};

class Door {
  public:
    /// Listens on all addresses of this machine; where `port` is 0, at a port that is free. Throws Error where it is taken.
    explicit Door(uint16_t port);
    ~Door();

    uint16_t port() const;
    /// The next that has said a whole hello. Others are heard meanwhile, each as slowly as it likes, and what is no process of ours
    /// is sent away. Nothing where the time is over.
    std::optional<Guest> next(Deadline deadline);

  private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

}  // namespace vitrine::sockets
