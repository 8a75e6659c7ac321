// Reading a TOML table with errors that name the line: what is wrong, and what is allowed.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/parse_toml.h"

namespace vitrine {

/// Where numbers may lie. Both ends are allowed.
struct Limits {
    double low;
    double high;
};
inline constexpr double unlimited = std::numeric_limits<double>::infinity();
inline constexpr Limits share{0.0, 1.0};

class TableReader {
  public:
    /// `source` is the recipe's name; `what` the table's ("rand_augment").
    TableReader(const toml::table& table, std::string source, std::string what)
        : table_(table), source_(std::move(source)), what_(std::move(what)) {}

    // Each returns nothing, or the default, where the key is not there.
    std::optional<double> number(std::string_view key, Limits limits);
    double number(std::string_view key, Limits limits, double otherwise) {
        return number(key, limits).value_or(otherwise);
    }
    std::optional<int64_t> whole(std::string_view key, int64_t low, int64_t high);
    int64_t whole(std::string_view key, int64_t low, int64_t high, int64_t otherwise) {
        return whole(key, low, high).value_or(otherwise);
    }
    std::optional<bool> flag(std::string_view key);
    std::optional<std::string> text(std::string_view key);
    /// One of these names.
    std::optional<std::string> choice(std::string_view key, const std::vector<std::string>& names);
    /// Exactly `count` numbers.
    std::optional<std::vector<double>> numbers(std::string_view key, size_t count, Limits limits);
    /// Two numbers, the smaller one first.
    std::optional<Limits> range(std::string_view key, Limits limits);
    const toml::node* node(std::string_view key);

    /// Throws unless the key was there.
    template <class T>
    T required(std::string_view key, std::optional<T> value) const {
        if (!value) fail_at(table_, std::string(what_) + " needs " + std::string(key));
        return *value;
    }

    /// Throws if the table has a key that nobody asked for.
    void finish() const;

    [[noreturn]] void fail_at(const toml::node& node, const std::string& sentence) const;
    const std::string& what() const { return what_; }
    const std::string& source() const { return source_; }
    const toml::table& table() const { return table_; }

  private:
    double checked_number(const toml::node& node, std::string_view key, Limits limits) const;

    const toml::table& table_;
    std::string source_;
    std::string what_;
    std::set<std::string, std::less<>> known_;
};

/// The one of `names` that is most like `name`, or nothing if none is near.
std::string nearest_name(std::string_view name, const std::vector<std::string>& names);

}  // namespace vitrine
