// Failures of the device: errors that come late, stay, and belong to a kernel that has long been launched.

#include "kernels/simt/planted_fault.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kernels/device_fault.h"
#include "tests/simt/streams.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

constexpr int count = 40;
constexpr size_t bytes = count * sizeof(int);

/// A fault until the end of the scope.
class Planted {
  public:
    explicit Planted(const char* text) { plant_fault(fault_from_text(text)); }
    ~Planted() { remove_fault(); }
    Planted(const Planted&) = delete;
    Planted& operator=(const Planted&) = delete;
};

/// Whether every call fails with this.
void check_everything_fails(cudaError_t error, int* device) {
    int host[count];
    int devices = 0;
    size_t free_bytes = 0, total = 0;
    void* memory = nullptr;
    cudaEvent_t event{};
    cudaStream_t stream{};
    CHECK(cudaGetDeviceCount(&devices) == error);
    CHECK(cudaMalloc(&memory, 4) == error);
    CHECK(cudaMallocHost(&memory, 4) == error);
    CHECK(cudaMemGetInfo(&free_bytes, &total) == error);
    CHECK(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, nullptr) == error);
    CHECK(cudaMemsetAsync(device, 0, bytes, nullptr) == error);
    CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == error);
    CHECK(cudaStreamSynchronize(nullptr) == error);
    CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == error);
    CHECK(cudaGetLastError() == error);
    CHECK(cudaGetLastError() == error);  // it stays
}

/// What a launch of the kernel throws, or nothing.
std::string thrown_by_launch(int* device) {
    try {
        test::increment(device, count, nullptr);
    } catch (const DeviceFault& fault) {
        return fault.what();
    }
    return {};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a kernel that goes wrong shows where the host waits, and in every call after that") {
    const Buffer<int> device(std::vector<int>(count, 0));
    const Buffer<int> other(count);
    const Planted fault("cudaErrorIllegalAddress@increment:2");
    launch_log().complete(launch_log().count());
    std::vector<int> host(count, 1);
    cudaEvent_t before{}, after{};
    REQUIRE(cudaEventCreateWithFlags(&before, cudaEventDisableTiming) == cudaSuccess);
    REQUIRE(cudaEventCreateWithFlags(&after, cudaEventDisableTiming) == cudaSuccess);
    test::increment(device.data(), count, nullptr);
    test::duplicate(device.data(), other.data(), count, nullptr);
    CHECK(cudaStreamSynchronize(nullptr) == cudaSuccess);
    CHECK(cudaEventRecord(before, nullptr) == cudaSuccess);
    test::increment(device.data(), count, nullptr);  // this one
    test::duplicate(device.data(), other.data(), count, nullptr);
    CHECK(cudaEventRecord(after, nullptr) == cudaSuccess);
    CHECK(cudaMemcpyAsync(host.data(), device.data(), bytes, cudaMemcpyDeviceToHost, nullptr) == cudaSuccess);
    CHECK(cudaEventSynchronize(before) == cudaSuccess);
    CHECK(cudaEventSynchronize(after) == cudaErrorIllegalAddress);
    CHECK(host == std::vector<int>(count, -1));  // nothing arrives any more
    check_everything_fails(cudaErrorIllegalAddress, device.data());
    const std::string said = thrown_by_launch(device.data());
    CHECK_MESSAGE(contains(said,
                           "launch of increment_kernel with 2 x 1 x 1 blocks of 32 x 1 x 1 threads failed: "
                           "an illegal memory access was encountered"),
                  said);
    CHECK_MESSAGE(contains(said, "duplicate_kernel (2 x 1 x 1 blocks"), said);
}

TEST_CASE("an error may show before anybody waits") {
    const Buffer<int> device(count);
    int host[count] = {};
    const Planted fault("cudaErrorLaunchFailure@:1+2");
    test::increment(device.data(), count, nullptr);
    CHECK(cudaMemsetAsync(device.data(), 0, bytes, nullptr) == cudaSuccess);
    CHECK(cudaMemsetAsync(device.data(), 0, bytes, nullptr) == cudaSuccess);
    CHECK(cudaMemcpyAsync(device.data(), host, bytes, cudaMemcpyHostToDevice, nullptr) ==
          cudaErrorLaunchFailure);
    check_everything_fails(cudaErrorLaunchFailure, device.data());
}

TEST_CASE("what runs behind a kernel that went wrong does nothing") {
    const Buffer<int> device(std::vector<int>(count, 0));
    {
        const Planted fault("cudaErrorIllegalAddress@increment:1");
        test::increment(device.data(), count, nullptr);
        test::increment(device.data(), count, nullptr);
        CHECK(cudaMemsetAsync(device.data(), 0, bytes, nullptr) == cudaSuccess);
        CHECK(cudaStreamSynchronize(nullptr) == cudaErrorIllegalAddress);
    }
    CHECK(device.values() == std::vector<int>(count, 1));
    CHECK(thrown_by_launch(device.data()) == "");  // a new life
}

TEST_CASE("a device that never works fails from the first call on") {
    const Buffer<int> device(count);
    const Planted fault("cudaErrorInsufficientDriver");
    check_everything_fails(cudaErrorInsufficientDriver, device.data());
}

TEST_CASE("an allocation that is refused leaves its error until somebody asks for it") {
    const Buffer<int> device(std::vector<int>(count, 0));
    void* memory = nullptr;
    REQUIRE(cudaMalloc(&memory, size_t{1} << 50) == cudaErrorMemoryAllocation);
    CHECK_THROWS_WITH_AS(test::increment(device.data(), count, nullptr),
                         doctest::Contains("failed: out of memory"), Error);
    CHECK(cudaGetLastError() == cudaSuccess);
    CHECK(thrown_by_launch(device.data()) == "");
    REQUIRE(cudaMalloc(&memory, size_t{1} << 50) == cudaErrorMemoryAllocation);
    CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
    CHECK(thrown_by_launch(device.data()) == "");
}

TEST_CASE("a fault's text is understood, or refused with what is allowed") {
    const PlantedFault fault = fault_from_text("cudaErrorAssert@gemm<float, 2>::x:12+3");
    CHECK(fault.error == cudaErrorAssert);
    CHECK(fault.kernel == "gemm<float, 2>::x");
    CHECK(fault.launch == 12);
    CHECK(fault.unnoticed_calls == 3);
    CHECK_THROWS_WITH_AS(fault_from_text("cudaErrorGremlin@:1"), doctest::Contains("cudaErrorIllegalAddress"),
                         Error);
    for (const char* wrong : {"", "cudaSuccess", "cudaErrorAssert@", "cudaErrorAssert@gemm",
                              "cudaErrorAssert@gemm:", "cudaErrorAssert@gemm:0", "cudaErrorAssert@gemm:-1",
                              "cudaErrorAssert@gemm:1+", "cudaErrorAssert@gemm:1x",
                              "cudaErrorAssert@gemm:99999999999999999999"}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS(fault_from_text(wrong), Error);
    }
}
