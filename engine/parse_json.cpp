// JSON within limits: see parse_json.h.

#include "engine/parse_json.h"

#include <fmt/format.h>

#include <string>
#include <unordered_set>
#include <vector>

#include "engine/error.h"

namespace vitrine {
namespace {

/// Counts what passes by and keeps nothing.
class Counter : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit Counter(const JsonLimits& limits) : limits_(limits) {}

    bool null() override { return value(); }
    bool boolean(bool) override { return value(); }
    bool number_integer(number_integer_t) override { return value(); }
    bool number_unsigned(number_unsigned_t) override { return value(); }
    bool number_float(number_float_t, const string_t&) override { return value(); }
    bool string(string_t&) override { return value(); }
    bool binary(binary_t&) override { return value(); }
    bool start_object(size_t) override { return open(); }
    bool start_array(size_t) override { return open(); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& key) override {
        Object& object = open_.back();
        if (++object.keys > limits_.keys)
            throw Error(fmt::format("has an object with more than {} keys", limits_.keys));
        if (limits_.distinct && !object.names.insert(key).second)
            throw Error(fmt::format("has the key {} twice in an object", key));
        return true;
    }
    bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
        throw Error(fmt::format("is no JSON: what stands at byte {} does not belong there", position));
    }

  private:
    /// Or an array, which has no keys.
    struct Object {
        size_t keys = 0;
        std::unordered_set<std::string> names;  // where they must be distinct
    };

    bool value() {
        if (++values_ > limits_.values) throw Error(fmt::format("has more than {} values", limits_.values));
        return true;
    }
    bool open() {
        if (open_.size() == limits_.depth)
            throw Error(fmt::format("is nested deeper than {} levels", limits_.depth));
        open_.emplace_back();
        return value();
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    const JsonLimits& limits_;
    std::vector<Object> open_;
    size_t values_ = 0;
};

}  // namespace

void check_json(std::string_view text, const JsonLimits& limits) {
    if (text.size() > limits.bytes) throw Error(fmt::format("is larger than {} bytes", limits.bytes));
    // The parser would take it for the end, and not look at what follows.
    const size_t zero = text.find('\0');
    if (zero != std::string_view::npos) throw Error(fmt::format("is no JSON: byte {} is 0", zero + 1));
    Counter counter(limits);
    nlohmann::json::sax_parse(text, &counter);
}

}  // namespace vitrine
