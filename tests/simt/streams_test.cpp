// Copies happen as late as their stream allows: a host that waits for too little has the wrong numbers.

#include "tests/simt/streams.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

using Ints = std::vector<int>;

constexpr int count = 100;
constexpr size_t bytes = count * sizeof(int);

/// Pinned integers until the end of the scope.
class Pinned {
  public:
    explicit Pinned(int value) {
        void* memory = nullptr;
        REQUIRE(cudaMallocHost(&memory, bytes) == cudaSuccess);
        values_ = static_cast<int*>(memory);
        fill(value);
    }
    ~Pinned() { cudaFreeHost(values_); }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;

    void fill(int value) { std::fill_n(values_, count, value); }
    int* data() const { return values_; }
    Ints values() const { return {values_, values_ + count}; }

  private:
    int* values_ = nullptr;
};

struct Stream {
    Stream() { REQUIRE(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking) == cudaSuccess); }
    cudaStream_t handle{};
};

struct Event {
    Event() { REQUIRE(cudaEventCreateWithFlags(&handle, cudaEventDisableTiming) == cudaSuccess); }
    cudaEvent_t handle{};
};

void upload(int* to, const int* from, const Stream& stream) {
    REQUIRE(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream.handle) == cudaSuccess);
}
void download(int* to, const int* from, const Stream& stream) {
    REQUIRE(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream.handle) == cudaSuccess);
}
void record(const Event& event, const Stream& stream) {
    REQUIRE(cudaEventRecord(event.handle, stream.handle) == cudaSuccess);
}
void wait(const Event& event) { REQUIRE(cudaEventSynchronize(event.handle) == cudaSuccess); }
void wait(const Stream& stream) { REQUIRE(cudaStreamSynchronize(stream.handle) == cudaSuccess); }

}  // namespace

TEST_CASE("pinned memory that is filled again before its copy has happened goes up as it is then") {
    const Stream stream;
    Pinned source(1);
    const Buffer<int> device(count);
    SUBCASE("nobody waits") {
        upload(device.data(), source.data(), stream);
        source.fill(2);
        CHECK(device.values() == Ints(count, 2));
    }
    SUBCASE("the host waits for the stream") {
        upload(device.data(), source.data(), stream);
        wait(stream);
        source.fill(2);
        CHECK(device.values() == Ints(count, 1));
    }
    SUBCASE("the host waits for an event behind it") {
        const Event event;
        upload(device.data(), source.data(), stream);
        record(event, stream);
        wait(event);
        source.fill(2);
        CHECK(device.values() == Ints(count, 1));
    }
    SUBCASE("the host waits for an event in front of it, or for one of another stream") {
        const Event before;
        const Event elsewhere;
        const Stream other;
        record(before, stream);
        upload(device.data(), source.data(), stream);
        record(elsewhere, other);
        wait(before);
        wait(elsewhere);
        wait(other);
        wait(Event());  // never recorded
        source.fill(2);
        CHECK(device.values() == Ints(count, 2));
    }
    SUBCASE("a part of pinned memory") {
        REQUIRE(cudaMemcpyAsync(device.data(), source.data() + 7, 40, cudaMemcpyHostToDevice,
                                stream.handle) == cudaSuccess);
        source.fill(2);
        CHECK(device.values()[9] == 2);
    }
    SUBCASE("it is given back, which waits") {
        void* memory = nullptr;
        REQUIRE(cudaMallocHost(&memory, bytes) == cudaSuccess);
        std::fill_n(static_cast<int*>(memory), count, 5);
        upload(device.data(), static_cast<int*>(memory), stream);
        REQUIRE(cudaFreeHost(memory) == cudaSuccess);
        CHECK(device.values() == Ints(count, 5));
    }
}

TEST_CASE("ordinary memory is free as soon as the call returns, and still goes up late") {
    const Stream stream;
    const Stream other;
    Ints source(count, 1);
    const Buffer<int> device(count);
    const Buffer<int> seen(count);
    upload(device.data(), source.data(), stream);
    std::fill(source.begin(), source.end(), 2);
    test::duplicate(device.data(), seen.data(), count, other.handle);  // too early
    CHECK(seen.values() == Ints(count, -1));
    CHECK(device.values() == Ints(count, 1));
}

TEST_CASE("what is copied to the host is poison until the host has waited") {
    const Stream stream;
    const Buffer<int> device(Ints(count, 3));
    Ints ordinary(count, 0);
    const Pinned pinned(0);
    download(ordinary.data(), device.data(), stream);
    download(pinned.data(), device.data(), stream);
    CHECK(ordinary == Ints(count, -1));
    CHECK(pinned.values() == Ints(count, -1));
    wait(stream);
    CHECK(ordinary == Ints(count, 3));
    CHECK(pinned.values() == Ints(count, 3));
}

TEST_CASE("a kernel finds what was asked of its stream before, and nothing else") {
    const Stream stream;
    const Stream other;
    Pinned source(10);
    const Buffer<int> device(Ints(count, 0));
    Ints result(count);
    SUBCASE("in its own stream") {
        upload(device.data(), source.data(), stream);
        test::increment(device.data(), count, stream.handle);
        source.fill(20);
        upload(device.data(), source.data(), stream);  // behind the kernel
        CHECK(cudaMemsetAsync(device.data(), 0, 8, stream.handle) == cudaSuccess);
        test::increment(device.data(), count, stream.handle);
        download(result.data(), device.data(), stream);
        test::increment(device.data(), count, stream.handle);
        wait(stream);
        CHECK(result[0] == 1);
        CHECK(result[1] == 1);
        CHECK(result[2] == 21);
    }
    SUBCASE("a kernel of another stream is too early") {
        upload(device.data(), source.data(), stream);
        test::increment(device.data(), count, other.handle);
        CHECK(device.values() == Ints(count, 10));  // and is overwritten
    }
    SUBCASE("and is not where the host waits in between") {
        upload(device.data(), source.data(), stream);
        wait(stream);
        test::increment(device.data(), count, other.handle);
        CHECK(device.values() == Ints(count, 11));
    }
}

TEST_CASE("two staging buffers in turn need an event each") {
    // What kernels/cuda/runtime.cu does, with and without its wait.
    for (const bool waits : {true, false}) {
        const Stream stream;
        Pinned staging[2]{Pinned(0), Pinned(0)};
        const Event copied[2];
        const Buffer<int> device(4 * count);
        for (int i = 0; i < 4; ++i) {
            if (waits) wait(copied[i % 2]);
            staging[i % 2].fill(i);
            upload(device.data() + i * count, staging[i % 2].data(), stream);
            record(copied[i % 2], stream);
        }
        const Ints values = device.values();
        CHECK((values[0] == 0) == waits);
        CHECK((values[count] == 1) == waits);
        CHECK(values[3 * count] == 3);
    }
}

TEST_CASE("releasing memory waits for the copies that still need it") {
    const Stream stream;
    const Pinned source(4);
    Ints result(count);
    auto* const device = static_cast<int*>(allocate(bytes));
    upload(device, source.data(), stream);
    download(result.data(), device, stream);
    REQUIRE(cudaFree(device) == cudaSuccess);
    CHECK(result == Ints(count, 4));
}
