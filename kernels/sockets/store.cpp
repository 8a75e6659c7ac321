// A client of torchrun's store: see store.h.
//
// Every request is a byte that says which, then its numbers, little-endian, and texts, each behind its length in 64 bits.

#include "kernels/sockets/store.h"

#include <fmt/format.h>

#include <bit>
#include <span>

namespace vitrine::sockets {
namespace {

static_assert(std::endian::native == std::endian::little);

enum class Query : uint8_t { validate = 0, set = 1, get = 3, check = 5 };
constexpr uint32_t magic = 0x3C85F7CE;
constexpr uint8_t ready = 0, not_ready = 1;
constexpr uint64_t longest_value = 1024;  // bytes; what processes say there is shorter

struct NoStore {};  // what it answers is no answer of a store

class Request {
  public:
    explicit Request(Query query) : bytes_(1, static_cast<char>(query)) {}
    template <class T>
    Request& number(T value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
        return *this;
    }
    Request& text(std::string_view text) {
        number<uint64_t>(text.size());
        bytes_.append(text);
        return *this;
    }
    std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }

  private:
    std::string bytes_;
};

}  // namespace

void Store::refuse(const std::string& clause) const {
    throw Unreachable(fmt::format("torchrun's store at {}: {}", place_, clause));
}

template <class Call>
auto Store::ask(Call call) const {
    try {
        return call();
    } catch (const NoStore&) {
        throw Unreachable(fmt::format("what answers at {} is not torchrun's store", place_));
    } catch (const Unreachable& unreachable) {
        refuse(unreachable.what());
    }
}

Store::Store(const std::string& host, uint16_t port, Deadline deadline)
    : place_(fmt::format("{}:{}", host, port)),
      deadline_(deadline),
      connection_(connect_to(host, port, deadline)) {
    ask([&] { connection_.write(Request(Query::validate).number(magic).bytes(), deadline_); });
}

void Store::set(std::string_view key, std::string_view value) const {
    ask([&] { connection_.write(Request(Query::set).text(key).text(value).bytes(), deadline_); });
}

std::optional<std::string> Store::get(std::string_view key) const {
    return ask([&]() -> std::optional<std::string> {
        connection_.write(Request(Query::check).number<uint64_t>(1).text(key).bytes(), deadline_);
        const auto there = read_one<uint8_t>(connection_, deadline_);
        if (there == not_ready) return std::nullopt;
        if (there != ready) throw NoStore();
        connection_.write(Request(Query::get).text(key).bytes(), deadline_);
        const auto size = read_one<uint64_t>(connection_, deadline_);
        if (size > longest_value) throw NoStore();
        std::string value(size, '\0');
        connection_.read(std::as_writable_bytes(std::span(value)), deadline_);
        return value;
    });
}

}  // namespace vitrine::sockets
