// Why a device cannot be used here: at length for who asked for it, in a clause for who did not.
#pragma once

#include <string>
#include <utility>

#include "kernels/error.h"

namespace vitrine {

/// what() says what is missing and what can be done about it.
struct UnusableDevice : Error {
    UnusableDevice(const std::string& sentence, std::string in_short)
        : Error(sentence), clause(std::move(in_short)) {}
    std::string clause;  // "no NVIDIA GPU here"
};

}  // namespace vitrine
