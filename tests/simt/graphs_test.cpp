// Graphs: what a stream was asked for while it was captured is done at each launch, with the arguments of the capture
// and the memory of now.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "tests/simt/streams.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

using Ints = std::vector<int>;

constexpr int count = 40;
constexpr size_t bytes = count * sizeof(int);

cudaStream_t stream() {
    static cudaStream_t made = [] {
        cudaStream_t stream = nullptr;
        REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
        return stream;
    }();
    return made;
}

void begin(cudaStreamCaptureMode mode = cudaStreamCaptureModeThreadLocal) {
    REQUIRE(cudaStreamBeginCapture(stream(), mode) == cudaSuccess);
}

/// Ends the capture of stream().
class Graph {
  public:
    Graph() {
        cudaGraph_t graph = nullptr;
        REQUIRE(cudaStreamEndCapture(stream(), &graph) == cudaSuccess);
        REQUIRE(cudaGraphInstantiateWithFlags(&executable_, graph, 0) == cudaSuccess);
        REQUIRE(cudaGraphDestroy(graph) == cudaSuccess);
    }
    ~Graph() { cudaGraphExecDestroy(executable_); }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;

    void launch() const { REQUIRE(cudaGraphLaunch(executable_, stream()) == cudaSuccess); }
    /// What is said of a launch that does not go well.
    std::string failure() const {
        try {
            cudaGraphLaunch(executable_, stream());
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    }

  private:
    cudaGraphExec_t executable_{};
};

/// The capture of stream() has failed, and is over.
void expect_failed() {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    CHECK(cudaStreamIsCapturing(stream(), &status) == cudaSuccess);
    CHECK(status == cudaStreamCaptureStatusInvalidated);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(stream(), &graph) == cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
    CHECK(cudaGetLastError() == cudaErrorStreamCaptureInvalidated);
}

struct Pinned {
    explicit Pinned(int value) {
        void* memory = nullptr;
        REQUIRE(cudaMallocHost(&memory, bytes) == cudaSuccess);
        values = static_cast<int*>(memory);
        std::fill_n(values, count, value);
    }
    ~Pinned() { cudaFreeHost(values); }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    int* values = nullptr;
};

}  // namespace

TEST_CASE("nothing happens at the capture, and all of it at each launch") {
    const Buffer<int> values(Ints(count, 1));
    const Buffer<int> copy(Ints(count, 0));
    begin();
    test::increment(values.data(), count, stream());
    CHECK(cudaMemcpyAsync(copy.data(), values.data(), bytes, cudaMemcpyDeviceToDevice, stream()) ==
          cudaSuccess);
    CHECK(cudaMemsetAsync(values.data(), 0, 2 * sizeof(int), stream()) == cudaSuccess);
    const Graph graph;
    CHECK(values.values() == Ints(count, 1));
    graph.launch();
    graph.launch();
    CHECK(copy.values()[0] == 1);
    CHECK(copy.values()[2] == 3);
    CHECK(values.values()[0] == 0);
    CHECK(values.values()[2] == 3);
}

TEST_CASE("a number that the host passes is the capture's for ever; one in memory is that of now") {
    const Buffer<int> values(Ints(count, 0));
    int amount = 5;
    begin();
    test::add(values.data(), count, amount, stream());
    const Graph graph;
    amount = 7;
    graph.launch();
    CHECK(values.values() == Ints(count, 5));
    copy_from_host(values.data(), Ints(count, 100).data(), bytes);
    graph.launch();
    CHECK(values.values() == Ints(count, 105));
}

TEST_CASE("launches between two of a graph's stand between them") {
    const Buffer<int> values(Ints(count, 0));
    begin();
    test::duplicate(values.data(), values.data() + count / 2, count / 2, stream());
    const Graph graph;
    test::increment(values.data(), count / 2, stream());
    graph.launch();
    test::increment(values.data(), count / 2, stream());
    CHECK(values.values().front() == 2);
    CHECK(values.values().back() == 1);
}

TEST_CASE("pinned memory is read when the graph is launched") {
    const Buffer<int> values(Ints(count, 0));
    const Pinned source(3);
    begin();
    CHECK(cudaMemcpyAsync(values.data(), source.values, bytes, cudaMemcpyHostToDevice, stream()) ==
          cudaSuccess);
    const Graph graph;
    std::fill_n(source.values, count, 4);
    graph.launch();
    CHECK(values.values() == Ints(count, 4));
}

TEST_CASE("memory that is gone when the graph is launched is told, with the kernel or the copy") {
    begin();
    SUBCASE("a kernel's") {
        auto* const gone = static_cast<int*>(allocate(bytes));
        test::increment(gone, count, stream());
        const Graph graph;
        release(gone);
        const std::string failure = graph.failure();
        CHECK_MESSAGE(failure.find("increment_kernel") != std::string::npos, failure);
        CHECK_MESSAGE(failure.find("out of bounds") != std::string::npos, failure);
    }
    SUBCASE("a copy's") {
        const Buffer<int> values(Ints(count, 0));
        auto* const gone = static_cast<int*>(allocate(bytes));
        CHECK(cudaMemcpyAsync(values.data(), gone, bytes, cudaMemcpyDeviceToDevice, stream()) == cudaSuccess);
        const Graph graph;
        release(gone);
        CHECK(graph.failure().find("a copy would read") != std::string::npos);
    }
    SUBCASE("zeros'") {
        auto* const gone = static_cast<int*>(allocate(bytes));
        CHECK(cudaMemsetAsync(gone, 0, bytes, stream()) == cudaSuccess);
        const Graph graph;
        release(gone);
        CHECK(graph.failure().find("zeroing in a graph would write") != std::string::npos);
    }
    SUBCASE("pinned memory") {
        const Buffer<int> values(Ints(count, 0));
        std::vector<std::unique_ptr<Pinned>> source;
        cudaGraph_t graph = nullptr;
        CHECK(cudaStreamEndCapture(stream(), &graph) ==
              cudaSuccess);  // pinned memory is not made in a capture
        CHECK(cudaGraphDestroy(graph) == cudaSuccess);
        source.push_back(std::make_unique<Pinned>(1));
        begin();
        CHECK(cudaMemcpyAsync(values.data(), source.front()->values, bytes, cudaMemcpyHostToDevice,
                              stream()) == cudaSuccess);
        const Graph copies;
        source.clear();
        CHECK(copies.failure().find("pinned memory that was given back") != std::string::npos);
    }
}

TEST_CASE("what no graph can hold is refused, and the capture with it") {
    const Buffer<int> values(Ints(count, 1));
    const Pinned pinned(1);
    Ints ordinary(count);
    cudaEvent_t event{};
    REQUIRE(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
    cudaError_t status = cudaSuccess;
    void* memory = nullptr;
    const auto none = [&](const auto& call) {
        begin();
        status = call();
        CHECK(status == cudaErrorStreamCaptureUnsupported);
        expect_failed();
    };
    none([&] { return cudaStreamSynchronize(stream()); });
    none([&] { return cudaMalloc(&memory, 100); });
    none([&] { return cudaFree(values.data()); });
    none([&] { return cudaMallocHost(&memory, 100); });
    none([&] { return cudaFreeHost(pinned.values); });
    none([&] { return cudaEventRecord(event, stream()); });
    none([&] { return cudaEventSynchronize(event); });
    none([&] {
        return cudaMemcpyAsync(values.data(), ordinary.data(), bytes, cudaMemcpyHostToDevice, stream());
    });
    none([&] {
        return cudaMemcpyAsync(ordinary.data(), values.data(), bytes, cudaMemcpyDeviceToHost, stream());
    });
    begin();
    CHECK_THROWS_WITH_AS(LibraryCall{stream()}, doctest::Contains("cannot be part of a graph"), Error);
    expect_failed();
    CHECK(values.values() == Ints(count, 1));
    cudaEventDestroy(event);
}

TEST_CASE("after a call that failed nothing more is captured, and a launch says so") {
    const Buffer<int> values(Ints(count, 1));
    begin();
    CHECK(cudaStreamSynchronize(stream()) == cudaErrorStreamCaptureUnsupported);
    cudaGetLastError();
    CHECK_THROWS_WITH_AS(test::increment(values.data(), count, stream()),
                         doctest::Contains("previous error during capture"), Error);
    expect_failed();
    test::increment(values.data(), count, stream());  // as ever
    CHECK(values.values() == Ints(count, 2));
}

TEST_CASE("a launch that a GPU would refuse is refused at the capture") {
    begin();
    CHECK_THROWS_WITH_AS(test::increment(nullptr, 0, stream()), doctest::Contains("the grid is 0"), Error);
    static_cast<void>(Graph());
}

TEST_CASE("which threads a capture forbids what, and who may end it") {
    const auto elsewhere = [](const auto& call) {
        cudaError_t status = cudaSuccess;
        std::thread([&] { status = call(); }).join();
        return status;
    };
    const auto allocates = [] {
        void* memory = nullptr;
        const cudaError_t status = cudaMalloc(&memory, 100);
        if (status == cudaSuccess) cudaFree(memory);
        return status;
    };
    begin(cudaStreamCaptureModeGlobal);
    CHECK(elsewhere(allocates) == cudaErrorStreamCaptureUnsupported);
    expect_failed();
    begin(cudaStreamCaptureModeThreadLocal);
    CHECK(elsewhere(allocates) == cudaSuccess);
    static_cast<void>(Graph());
    begin(cudaStreamCaptureModeRelaxed);
    CHECK(allocates() == cudaSuccess);
    static_cast<void>(Graph());

    cudaGraph_t graph = nullptr;
    begin();
    CHECK(elsewhere([&] { return cudaStreamEndCapture(stream(), &graph); }) ==
          cudaErrorStreamCaptureWrongThread);
    expect_failed();
    CHECK(cudaStreamEndCapture(stream(), &graph) == cudaErrorIllegalState);
    CHECK(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeRelaxed) == cudaErrorStreamCaptureUnsupported);
    begin();
    CHECK(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed) == cudaErrorIllegalState);
    static_cast<void>(Graph());
    cudaGetLastError();
}

TEST_CASE("each kernel of a graph has its report, and its findings") {
    const Buffer<int> values(Ints(count, 0));
    begin();
    test::increment(values.data(), count, stream());
    test::increment(values.data(), count, stream());
    const Graph graph;
    Settings settings;
    settings.keep_reports = true;
    const SettingsScope scope(settings);
    graph.launch();
    const std::vector<LaunchReport> reports = take_reports();
    REQUIRE(reports.size() == 2);
    CHECK(reports[1].kernel == "increment_kernel");
}
