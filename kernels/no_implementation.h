// The error of a kernel that no implementation could run: see kernel.h.
#pragma once

#include <string>
#include <utility>

#include "kernels/error.h"

namespace vitrine {

/// Every implementation refused the arguments, or the only one that was allowed by force did.
struct NoImplementation : Error {
    NoImplementation(const std::string& message, std::string of_each)
        : Error(message), reasons(std::move(of_each)) {}

    std::string reasons;  // "direct: kernel larger than 7; general: …"
};

}  // namespace vitrine
