// Failures of the simt device, planted by tests: what the programs do when a GPU has none of the luck that
// the executor has.
//
// A kernel that goes wrong on a GPU does so after the launch has returned. Nothing that was asked for from
// then on happens; the first call that waits for it, a copy or a synchronisation, returns the error, and so
// does every call after that one. With CUDA_LAUNCH_BLOCKING=1 in the environment the launch itself fails.
//
// Programs take one from the environment variable VITRINE_SIMT_FAULT:
//
//     cudaErrorIllegalAddress@update:3    the third launch of a kernel whose name holds "update" goes wrong
//     cudaErrorLaunchFailure@:40          the 40th launch of all does
//     cudaErrorIllegalAddress@update:3+2  the same, and it shows in the third call afterwards at the latest
//     cudaErrorInsufficientDriver         every call fails from the beginning
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/simt/host_compat.h"

namespace vitrine::simt {

struct PlantedFault {
    cudaError_t error = cudaErrorIllegalAddress;
    std::string kernel{};  // a part of the name of the kernel that goes wrong; empty: any
    uint64_t launch = 1;   // which of its launches, from 1; 0: the device never works
    std::optional<uint64_t> unnoticed_calls{};  // that succeed after it; none: until something waits for it
};

/// As in the environment variable; throws Error if the text is anything else.
PlantedFault fault_from_text(std::string_view text);

/// Launches count from here on. What an earlier one has led to is over, as in a new process.
void plant_fault(const PlantedFault& fault);
void remove_fault();

}  // namespace vitrine::simt
