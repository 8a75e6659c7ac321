// What a library puts into a stream, and what waits behind it: kernels, events, other streams.

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <vector>

#include "kernels/error.h"
#include "kernels/simt/memory.h"
#include "tests/simt/streams.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;
using test::increment;

namespace {

using Ints = std::vector<int>;

constexpr int count = 40;

cudaStream_t new_stream() {
    cudaStream_t stream = nullptr;
    REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    return stream;
}

cudaEvent_t recorded(cudaStream_t stream) {
    cudaEvent_t event = nullptr;
    REQUIRE(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
    REQUIRE(cudaEventRecord(event, stream) == cudaSuccess);
    return event;
}

bool has_happened(cudaEvent_t event) {
    const cudaError_t status = cudaEventQuery(event);
    CHECK((status == cudaSuccess || status == cudaErrorNotReady));
    cudaGetLastError();
    return status == cudaSuccess;
}

/// Work that another process holds up until `may_end`, and that then sets the integers to 10.
struct OtherProcess {
    explicit OtherProcess(cudaStream_t stream, int* values) {
        ask_for_library_work(stream, [this, values] {
            ++asked;
            if (!may_end) return false;
            for (int i = 0; i < count; ++i) values[i] = 10;
            return true;
        });
    }
    bool may_end = false;
    int asked = 0;
};

}  // namespace

TEST_CASE("a kernel behind work of a library runs behind it, and what does not wait for it goes on") {
    const Buffer<int> here(Ints(count, 1)), elsewhere(Ints(count, 1));
    const cudaStream_t lane = new_stream(), other = new_stream();
    OtherProcess process(lane, here.data());
    increment(here.data(), count, lane);
    const cudaEvent_t behind = recorded(lane);
    CHECK(process.asked == 0);  // as late as it may be
    CHECK(!has_happened(behind));
    CHECK(process.asked == 1);
    increment(elsewhere.data(), count, other);
    CHECK(cudaStreamSynchronize(other) == cudaSuccess);
    process.may_end = true;
    CHECK(has_happened(behind));
    CHECK(here.values() == Ints(count, 11));
    CHECK(elsewhere.values() == Ints(count, 2));
}

TEST_CASE("a stream that waits for an event waits for what came before it, and no more") {
    const Buffer<int> values(Ints(count, 1));
    const cudaStream_t lane = new_stream(), first = new_stream();
    OtherProcess process(lane, values.data());
    const cudaEvent_t work = recorded(lane);
    OtherProcess later(lane, values.data());
    REQUIRE(cudaStreamWaitEvent(first, work, 0) == cudaSuccess);
    increment(values.data(), count, first);
    const cudaEvent_t behind = recorded(first);
    CHECK(!has_happened(behind));
    process.may_end = true;
    CHECK(has_happened(behind));
    CHECK(later.asked == 0);
    later.may_end = true;
    CHECK(values.values() == Ints(count, 10));
}

TEST_CASE("a stream that does not wait for another one is told what it may overtake") {
    const Buffer<int> values(Ints(count, 1)), others(Ints(count, 1));
    const cudaStream_t lane = new_stream(), first = new_stream();
    increment(values.data(), count, first);
    increment(values.data(), count, first);
    const auto said = [&](int things) {
        return fmt::format(
            "its stream does not wait for the last {} things that another was asked for, and of those some "
            "are about the same memory",
            things);
    };
    CHECK(unordered(lane, values.data() + 1) == said(2));
    CHECK(unordered(lane, others.data()).empty());
    SUBCASE("it waits for an event behind all of it") {
        REQUIRE(cudaStreamWaitEvent(lane, recorded(first), 0) == cudaSuccess);
        CHECK(unordered(lane, values.data()).empty());
        increment(others.data(), count, first);
        CHECK(unordered(lane, values.data()).empty());
        CHECK(unordered(lane, others.data()) == said(1));
        REQUIRE(cudaMemsetAsync(values.data(), 0, sizeof(int), first) == cudaSuccess);
        CHECK(unordered(lane, values.data()) == said(2));
    }
    SUBCASE("it waits for another stream that has waited") {
        const cudaStream_t between = new_stream();
        REQUIRE(cudaStreamWaitEvent(between, recorded(first), 0) == cudaSuccess);
        REQUIRE(cudaStreamWaitEvent(lane, recorded(between), 0) == cudaSuccess);
        CHECK(unordered(lane, values.data()).empty());
    }
    SUBCASE("the host has waited") {
        REQUIRE(cudaStreamSynchronize(first) == cudaSuccess);
        CHECK(unordered(lane, values.data()).empty());
    }
    SUBCASE("a library may touch anything") {
        REQUIRE(cudaStreamSynchronize(first) == cudaSuccess);
        OtherProcess process(first, values.data());
        CHECK(unordered(lane, others.data()) == said(1));
        process.may_end = true;
        REQUIRE(cudaStreamSynchronize(first) == cudaSuccess);
    }
    REQUIRE(cudaStreamSynchronize(first) == cudaSuccess);
}

TEST_CASE("what a kernel does wrong behind work of a library is told when it has run, and once") {
    const Buffer<int> values(Ints(count, 1));
    const cudaStream_t lane = new_stream();
    OtherProcess process(lane, values.data());
    increment(values.data(), count + 100, lane);
    process.may_end = true;
    CHECK_THROWS_AS(cudaStreamSynchronize(lane), Error);
    CHECK(cudaStreamSynchronize(lane) == cudaSuccess);
    CHECK(values.values() == Ints(count, 11));
}

TEST_CASE("what no GPU would start is refused at the launch, behind work of a library, too") {
    const Buffer<int> values(Ints(count, 1));
    const cudaStream_t lane = new_stream();
    OtherProcess process(lane, values.data());
    CHECK_THROWS_AS(increment(values.data(), -31, lane), Error);  // a grid of no blocks
    process.may_end = true;
    CHECK(cudaStreamSynchronize(lane) == cudaSuccess);
}

TEST_CASE("a captured stream holds no work of a library, and waits for no event") {
    const cudaStream_t stream = new_stream();
    const cudaEvent_t event = recorded(new_stream());
    cudaGraph_t graph = nullptr;
    REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    CHECK_THROWS_AS(ask_for_library_work(stream, [] { return true; }), Error);
    CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
    REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(stream, event, 0) == cudaErrorStreamCaptureUnsupported);
    CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
    cudaGetLastError();
}

TEST_CASE("a process uses one of the GPUs that it can see") {
    int device = -1;
    CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
    CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
    CHECK(cudaSetDevice(0) == cudaSuccess);
    CHECK(cudaGetDevice(&device) == cudaSuccess);
    CHECK(device == 0);
}
