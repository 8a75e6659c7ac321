// The page of a step from a server on this machine, which answers for any element.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lab/inspect/serve/answer.h"

namespace httplib {
class Server;
}  // namespace httplib

namespace vitrine::inspect {

class PageServer {
  public:
    /// Takes a port of 127.0.0.1; 0: one that is free. Throws Error where it cannot be had.
    explicit PageServer(int port);
    ~PageServer();

    /// Prints its address and gives out the page at / and what `terms` answers, one at a time, at /terms, until Ctrl-C or SIGTERM.
    void run(std::string page, std::function<Answer(const Query&)> terms);

  private:
    std::unique_ptr<httplib::Server> server_;
    int port_;
};

}  // namespace vitrine::inspect
