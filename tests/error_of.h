// What an Error says, for tests of its words.
#pragma once

#include <string>

#include "kernels/error.h"

namespace vitrine {

/// The message of the Error that `action` throws; "no error" where it throws none.
std::string error_of(const auto& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace vitrine
