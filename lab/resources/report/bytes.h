// Numbers out of bytes that may end anywhere.
#pragma once

#include <cstring>
#include <optional>
#include <string_view>

namespace vitrine::resources {

/// Nothing where the bytes end before the value does.
template <class T>
std::optional<T> read(std::string_view bytes, size_t at) {
    if (at > bytes.size() || bytes.size() - at < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

}  // namespace vitrine::resources
