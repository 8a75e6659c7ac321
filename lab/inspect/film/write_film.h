// The part of `inspect kernel` that a build without the simt device leaves out.
#pragma once

#include <string>

#include "kernels/simt/vector_types.h"

namespace vitrine::inspect {

struct FilmOptions {
    std::string kernel;
    std::string implementation;
    std::string beside;  // another implementation, or empty
    std::string shape;
    uint3 block{};
    int64_t launch = -1;  // the one that accesses most
    std::string out;
};

/// Makes the page and says on standard output what is on it. Throws Error for what cannot be filmed.
void write_film(const FilmOptions& options);

}  // namespace vitrine::inspect
