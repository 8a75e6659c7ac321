// A film of a kernel: what one block of one of its launches did on the simt device, with what is needed to show it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/dtype.h"
#include "kernels/simt/record.h"
#include "kernels/simt/report.h"

namespace vitrine::gradcheck {
struct PreparedRun;
}  // namespace vitrine::gradcheck

namespace vitrine::inspect {

/// What to film. The problems are gradcheck's (lab/gradcheck/cases): the shapes of real models first.
struct FilmRequest {
    std::string kernel{};          // "depthwise_conv_backward"
    std::string implementation{};  // empty: the first that takes the problem
    std::string shape{};           // a part of the problem's description; empty: any
    uint3 block{};
    std::optional<uint64_t> launch{};  // of those that the kernel makes; else the one that accesses most
};

/// An operand, where it lies in the device's memory.
struct FilmTensor {
    std::string name;
    DType dtype = DType::f32;
    uint64_t address = 0;
    uint64_t bytes = 0;
};

struct Film {
    std::string kernel;
    std::string implementation;
    std::string shape;
    std::vector<simt::LaunchReport> launches;  // all that the kernel makes; of the filmed one with traffic
    uint64_t filmed = 0;                       // of launches
    simt::BlockRecord record;
    std::vector<FilmTensor> tensors;

    const simt::LaunchReport& launch() const { return launches[filmed]; }
};

/// Throws Error where there is no such kernel, implementation, shape, launch or block, and where the build cannot watch
/// kernels.
Film make_film(const FilmRequest& request);

/// Of a run that is ready: the request's block and launch.
Film film_of(const gradcheck::PreparedRun& run, const FilmRequest& request);

}  // namespace vitrine::inspect
