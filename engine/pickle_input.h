// The bytes of a pickle, taken from front to back and never beyond their end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "engine/error.h"

namespace vitrine {

/// Each throws Error where the bytes end too early.
class PickleInput {
  public:
    explicit PickleInput(std::string_view rest) : rest_(rest) {}

    bool empty() const { return rest_.empty(); }
    std::string_view take(uint64_t count) {
        if (count > rest_.size()) throw Error("ends too early");
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    /// Little-endian, of so many bytes.
    uint64_t number(size_t bytes) {
        uint64_t value = 0;
        const std::string_view taken = take(bytes);
        for (size_t i = 0; i < bytes; ++i) value |= uint64_t{static_cast<unsigned char>(taken[i])} << (8 * i);
        return value;
    }
    std::string_view line() {
        const std::string_view taken = take(std::min(rest_.find('\n'), rest_.size()));
        take(1);
        return taken;
    }

  private:
    std::string_view rest_;
};

}  // namespace vitrine
