// The page of a step from a server: see server.h.

#include "lab/inspect/serve/server.h"

#include <fmt/format.h>
#include <httplib.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <mutex>
#include <system_error>
#include <thread>

#include "engine/error.h"
#include "tools/train/interrupt.h"

namespace vitrine::inspect {
namespace {

constexpr const char* host = "127.0.0.1";

/// A page elsewhere may have given its own name this machine's address, to read through a browser what is here.
bool is_meant(const httplib::Request& request) {
    const std::string asked = request.get_header_value("Host");
    const std::string name = asked.substr(0, asked.rfind(':'));
    return name == host || name == "localhost";
}

/// In pieces of known length, which the library does not compress: nothing here goes over a network.
void send(httplib::Response& response, int status, std::shared_ptr<const std::string> body,
          const std::string& type) {
    response.status = status;
    const size_t size = body->size();
    response.set_content_provider(
        size, type, [body = std::move(body)](size_t offset, size_t length, httplib::DataSink& sink) {
            return sink.write(body->data() + offset, length);
        });
}

void send_sentence(httplib::Response& response, int status, const std::string& sentence) {
    send(response, status, std::make_shared<const std::string>(sentence + "\n"), "text/plain; charset=utf-8");
}

/// Not the library's own, which lets two programs have the same port.
void set_socket_options(int socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

std::string why_not(int error) {
    return error == EADDRINUSE ? "another program has this port" : std::generic_category().message(error);
}

void add_rules(httplib::Server& server) {
    server.set_socket_options(set_socket_options);
    server.set_keep_alive_timeout(1);  // seconds, for which an idle connection may hold up the end
    server.set_default_headers({{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});
    server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
        using Response = httplib::Server::HandlerResponse;
        if (is_meant(request)) return Response::Unhandled;
        send_sentence(response, 403, "The Host of a request has to be 127.0.0.1 or localhost.");
        return Response::Handled;
    });
    server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
        if (response.status == 404)
            send_sentence(response, 404, "There are / with the page, and /terms, both to GET.");
    });
}

}  // namespace

PageServer::PageServer(int port) : server_(std::make_unique<httplib::Server>()), port_(port) {
    add_rules(*server_);
    errno = 0;
    if (port == 0) {
        port_ = server_->bind_to_any_port(host);
    } else if (!server_->bind_to_port(host, port)) {
        port_ = -1;
    }
    if (port_ < 0)
        throw Error(fmt::format("--serve{}: {}", port > 0 ? fmt::format(" {}", port) : "", why_not(errno)));
}

PageServer::~PageServer() = default;

void PageServer::run(std::string page, std::function<Answer(const Query&)> terms) {
    const train::InterruptGuard interrupts;
    server_->Get("/", [page = std::make_shared<const std::string>(std::move(page))](
                          const httplib::Request&, httplib::Response& response) {
        send(response, 200, page, "text/html; charset=utf-8");
    });
    std::mutex one_at_a_time;  // of the step's tensors on their device
    server_->Get("/terms", [&](const httplib::Request& request, httplib::Response& response) {
        const std::lock_guard lock(one_at_a_time);
        const Answer answer = terms({request.params.begin(), request.params.end()});
        if (answer.status == 200) {
            send(response, 200, std::make_shared<const std::string>(answer.body), "application/json");
        } else {
            send_sentence(response, answer.status, answer.body);
        }
    });
    std::cout << fmt::format("http://{}:{}/  until Ctrl-C", host, port_) << std::endl;
    std::atomic<bool> ended = false;
    std::thread listener([&] {
        server_->listen_after_bind();
        ended = true;
    });
    const auto wait_while = [&](auto goes_on) {
        while (!ended && goes_on()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    };
    wait_while([] { return train::interrupted_by() == 0; });
    wait_while([&] { return !server_->is_running(); });  // which stop() would not stop
    server_->stop();
    listener.join();
}

}  // namespace vitrine::inspect
