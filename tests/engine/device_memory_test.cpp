// A device whose memory is exhausted says so, and is as good as before once some of it is free.

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "engine/memory.h"
#include "kernels/error.h"
#include "kernels/kernels.h"
#include "kernels/runtime.h"
#include "kernels/unusable_device.h"

namespace vitrine::tests {
namespace {

bool usable(Device device) {
    try {
        kernels(device);
        return true;
    } catch (const UnusableDevice&) {
        return false;
    }
}

/// What the refusal of so many bytes says; empty where they are granted.
std::string refusal_of(Device device, size_t bytes) {
    try {
        allocate(device, bytes);
        return "";
    } catch (const Error& error) {
        return error.what();
    }
}

void check_refusal(const std::string& said) {
    CAPTURE(said);
    CHECK(said.find("memory") != std::string::npos);
    CHECK(said.find(" were asked for") != std::string::npos);
    CHECK(said.find("try a smaller batch size or image size") != std::string::npos);
}

/// Adds two arrays on the device and looks at the sums.
void check_that_it_computes(Device device) {
    constexpr int64_t count = 1000;
    constexpr size_t bytes = count * sizeof(float);
    const std::shared_ptr<void> a = allocate(device, bytes), b = allocate(device, bytes),
                                y = allocate(device, bytes);
    std::vector<float> values(count);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    runtime(device).copy_from_host(a.get(), values.data(), bytes);
    runtime(device).copy_from_host(b.get(), values.data(), bytes);
    kernels(device).add_forward(
        {.dtype = DType::f32, .count = count, .a = a.get(), .b = b.get(), .y = y.get()});
    std::vector<float> sums(count);
    runtime(device).copy_to_host(sums.data(), y.get(), bytes);
    for (size_t i = 0; i < sums.size(); ++i) REQUIRE(sums[i] == 2.0f * values[i]);
}

/// All of it, in pieces of a sixteenth of what is free.
std::vector<std::shared_ptr<void>> take_everything(Device device) {
    const size_t piece = runtime(device).free_bytes() / 16;
    std::vector<std::shared_ptr<void>> pieces;
    try {
        while (pieces.size() < 64) pieces.push_back(allocate(device, piece));
    } catch (const Error& error) {
        check_refusal(error.what());
    }
    return pieces;
}

}  // namespace

TEST_CASE("memory of the device: more than there is gets refused in a sentence, and nothing is lost") {
    for (const Device device : {Device::simt, Device::cuda}) {
        CAPTURE(name_of(device));
        if (!usable(device)) continue;
        check_that_it_computes(device);
        check_refusal(refusal_of(device, runtime(device).free_bytes() + (size_t{1} << 30)));
        check_that_it_computes(device);
    }
}

TEST_CASE("memory of the device: all of it can be taken, and serves others once it is given back") {
    if (!usable(Device::cuda)) {
        MESSAGE("skipped: there is no GPU");
        return;
    }
    std::vector<std::shared_ptr<void>> pieces = take_everything(Device::cuda);
    REQUIRE(pieces.size() >= 8);
    REQUIRE(pieces.size() < 64);
    const size_t piece = memory_statistics(Device::cuda).bytes_in_use / pieces.size();
    check_refusal(refusal_of(Device::cuda, 2 * piece));
    // Four of them are kept by the pool: a larger one fits only if the pool gives them back.
    pieces.resize(pieces.size() - 4);
    CHECK(refusal_of(Device::cuda, 3 * piece) == "");
    pieces.clear();
    release_pooled_memory(Device::cuda);
    check_that_it_computes(Device::cuda);
}

}  // namespace vitrine::tests
