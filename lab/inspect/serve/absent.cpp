// Where cpp-httplib is not installed: --serve says so.

#include "engine/error.h"
#include "lab/inspect/serve/server.h"

namespace httplib {
class Server {};
}  // namespace httplib

namespace vitrine::inspect {

PageServer::PageServer(int port) : port_(port) {
    throw Error(
        "--serve: this build has no server, since cpp-httplib was not installed; apt-get install "
        "libcpp-httplib-dev and build again");
}

PageServer::~PageServer() = default;

void PageServer::run(std::string, std::function<Answer(const Query&)>) {}

}  // namespace vitrine::inspect
