// The calls of the CUDA runtime that the host makes, over the simt device's memory.

#include "kernels/simt/host_compat.h"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "kernels/error.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

/// Memory from cudaMalloc until the end of the scope.
class DeviceBytes {
  public:
    explicit DeviceBytes(size_t bytes) { REQUIRE(cudaMalloc(&memory_, bytes) == cudaSuccess); }
    ~DeviceBytes() { cudaFree(memory_); }
    DeviceBytes(const DeviceBytes&) = delete;
    DeviceBytes& operator=(const DeviceBytes&) = delete;

    unsigned char* data() const { return static_cast<unsigned char*>(memory_); }
    std::vector<unsigned char> values(size_t bytes) const {
        std::vector<unsigned char> result(bytes);
        REQUIRE(cudaMemcpyAsync(result.data(), memory_, bytes, cudaMemcpyDeviceToHost, nullptr) ==
                cudaSuccess);
        REQUIRE(cudaStreamSynchronize(nullptr) == cudaSuccess);
        return result;
    }

  private:
    void* memory_ = nullptr;
};

size_t free_memory() {
    size_t free_bytes = 0;
    size_t total = 0;
    REQUIRE(cudaMemGetInfo(&free_bytes, &total) == cudaSuccess);
    CHECK(free_bytes <= total);
    return free_bytes;
}

}  // namespace

TEST_CASE("there is one device") {
    int count = 0;
    CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
    CHECK(count == 1);
    CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("cudaMalloc takes of the free memory what was asked for, and cudaFree gives it back") {
    const size_t before = free_memory();
    {
        const DeviceBytes one(1000);
        const DeviceBytes other(1 << 20);
        CHECK(reinterpret_cast<uintptr_t>(one.data()) % 256 == 0);
        CHECK(reinterpret_cast<uintptr_t>(other.data()) % 256 == 0);
        CHECK(before - free_memory() == 1000 + (1 << 20));
    }
    CHECK(free_memory() == before);
    CHECK(cudaFree(nullptr) == cudaSuccess);
}

TEST_CASE("out of memory is a status, and leaves everything as it was") {
    const size_t before = free_memory();
    void* memory = &memory;
    for (const size_t bytes : {before + 1, size_t{1} << 50, ~size_t{0}}) {
        CHECK(cudaMalloc(&memory, bytes) == cudaErrorMemoryAllocation);
        CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
        CHECK(cudaGetLastError() == cudaSuccess);
    }
    CHECK(free_memory() == before);
    CHECK(std::strcmp(cudaGetErrorName(cudaErrorMemoryAllocation), "cudaErrorMemoryAllocation") == 0);
    CHECK(std::strcmp(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory") == 0);
    CHECK(std::strcmp(cudaGetErrorName(cudaSuccess), "cudaSuccess") == 0);
    // What is held counts.
    const DeviceBytes some(1 << 20);
    CHECK(cudaMalloc(&memory, before - (1 << 20) + 1) == cudaErrorMemoryAllocation);
    static_cast<void>(cudaGetLastError());
}

TEST_CASE("copies move bytes in all three directions, and nothing beside them") {
    std::array<unsigned char, 16> host;
    for (size_t i = 0; i < host.size(); ++i) host[i] = static_cast<unsigned char>(i + 1);
    const DeviceBytes one(16);
    const DeviceBytes other(16);
    CHECK(one.values(16) == std::vector<unsigned char>(16, 0xFF));
    CHECK(cudaMemcpyAsync(one.data(), host.data(), 16, cudaMemcpyHostToDevice, nullptr) == cudaSuccess);
    CHECK(cudaMemcpyAsync(other.data() + 4, one.data() + 2, 3, cudaMemcpyDeviceToDevice, nullptr) ==
          cudaSuccess);
    CHECK(cudaMemsetAsync(one.data() + 1, 0, 2, nullptr) == cudaSuccess);
    CHECK(one.values(5) == std::vector<unsigned char>{1, 0, 0, 4, 5});
    const std::vector<unsigned char> copied = other.values(8);
    CHECK(copied == std::vector<unsigned char>{0xFF, 0xFF, 0xFF, 0xFF, 3, 4, 5, 0xFF});
    // Nothing at all may be copied from anywhere.
    CHECK(cudaMemcpyAsync(one.data(), nullptr, 0, cudaMemcpyHostToDevice, nullptr) == cudaSuccess);
}

TEST_CASE("a copy that leaves its buffer is an error, and copies nothing") {
    std::array<unsigned char, 32> host{};
    const DeviceBytes device(16);
    const auto copy = [&](void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
        cudaMemcpyAsync(to, from, bytes, kind, nullptr);
    };
    CHECK_THROWS_AS(copy(device.data(), host.data(), 17, cudaMemcpyHostToDevice), Error);
    CHECK_THROWS_AS(copy(device.data() - 1, host.data(), 4, cudaMemcpyHostToDevice), Error);
    CHECK_THROWS_AS(copy(host.data(), device.data() + 15, 2, cudaMemcpyDeviceToHost), Error);
    CHECK_THROWS_AS(copy(device.data(), device.data() + 8, 9, cudaMemcpyDeviceToDevice), Error);
    CHECK_THROWS_AS(cudaMemsetAsync(device.data(), 0, 17, nullptr), Error);
    // The wrong direction.
    CHECK_THROWS_AS(copy(host.data(), host.data() + 16, 4, cudaMemcpyHostToDevice), Error);
    CHECK_THROWS_AS(copy(device.data(), host.data(), 4, cudaMemcpyDeviceToHost), Error);
    CHECK_THROWS_AS(copy(device.data(), host.data(), 4, cudaMemcpyDeviceToDevice), Error);
    CHECK_THROWS_AS(copy(device.data(), device.data() + 8, 4, cudaMemcpyHostToDevice), Error);
    CHECK_THROWS_AS(copy(device.data(), device.data() + 8, 4, cudaMemcpyDeviceToHost), Error);
    CHECK(device.values(16) == std::vector<unsigned char>(16, 0xFF));
    CHECK(host == std::array<unsigned char, 32>{});
}

TEST_CASE("a buffer that was freed is gone") {
    std::array<unsigned char, 4> host{};
    void* memory = nullptr;
    REQUIRE(cudaMalloc(&memory, 4) == cudaSuccess);
    cudaFree(memory);
    CHECK_THROWS_AS(cudaMemcpyAsync(memory, host.data(), 4, cudaMemcpyHostToDevice, nullptr), Error);
    CHECK_THROWS_AS(cudaFree(memory), std::logic_error);
}

TEST_CASE("only zeros can be set") {
    const DeviceBytes device(4);
    CHECK_THROWS_AS(cudaMemsetAsync(device.data(), 1, 4, nullptr), std::logic_error);
}

TEST_CASE("events tell the time between them, if they were recorded and made for it") {
    cudaEvent_t start{}, end{}, untimed{};
    REQUIRE(cudaEventCreateWithFlags(&start, cudaEventDefault) == cudaSuccess);
    REQUIRE(cudaEventCreateWithFlags(&end, cudaEventDefault) == cudaSuccess);
    REQUIRE(cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming) == cudaSuccess);
    float milliseconds = -1.0f;
    cudaEventRecord(start, nullptr);
    CHECK(cudaEventElapsedTime(&milliseconds, start, end) == cudaErrorInvalidResourceHandle);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    cudaEventRecord(end, nullptr);
    cudaEventRecord(untimed, nullptr);
    CHECK(cudaEventElapsedTime(&milliseconds, start, untimed) == cudaErrorInvalidResourceHandle);
    CHECK(cudaGetLastError() == cudaErrorInvalidResourceHandle);
    CHECK(milliseconds == -1.0f);
    CHECK(cudaEventElapsedTime(&milliseconds, start, end) == cudaSuccess);
    CHECK(milliseconds >= 3.0f);
    for (const cudaEvent_t event : {start, end, untimed}) CHECK(cudaEventDestroy(event) == cudaSuccess);
}
