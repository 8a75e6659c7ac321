// The simplest client of HTTP that tests of a server need.
#pragma once

#include <string>

namespace vitrine::tests {

/// The port of the first "http://127.0.0.1:PORT/" in a text.
int port_in(const std::string& text);

/// The whole answer to GET, head and body; `host` goes into the request's Host.
std::string http_get(int port, const std::string& path, const std::string& host = "127.0.0.1");

}  // namespace vitrine::tests
