// GPU to GPU: DeviceCollective over NCCL.
//
//     first stream   … kernel │ kernel │ kernel │ kernel … │ (waits) update …
//     lane                 └ open: ncclRecv │ add │ ncclSend │ ncclBroadcast ┘ finish
//
// NCCL's calls are asked of a stream, like kernels, and each holds it up until the other process has come to its part. So they have
// a stream of their own (Lane), behind what has made their numbers, and backward goes on beside it.

#include <nccl.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/loaded_library.h"
#include "kernels/cuda/nccl/functions.h"
#include "kernels/cuda/nccl/join_nccl.h"
#include "kernels/cuda/runtime.h"
#include "kernels/devices.h"

namespace vitrine::VITRINE_GPU {
namespace {

#define VITRINE_POINTER(name) decltype(&::name) name = nullptr;
struct Library {
    LoadedLibrary file;
    VITRINE_NCCL_FUNCTIONS(VITRINE_POINTER)
};
#undef VITRINE_POINTER

/// Never destroyed, like the driver.
const Library& nccl() {
    static const Library& library = []() -> Library& {
        auto* loaded = new Library{LoadedLibrary(VITRINE_SONAME("libnccl", NCCL_MAJOR), VITRINE_NCCL_PATH)};
#define VITRINE_FIND(name) loaded->file.find(loaded->name, #name);
        VITRINE_NCCL_FUNCTIONS(VITRINE_FIND)
#undef VITRINE_FIND
        return *loaded;
    }();
    return library;
}

class Nccl final : public DeviceCollective {
  public:
    Nccl(Collective& processes, bool sums) : DeviceCollective(processes), sums_(sums) {
        ncclUniqueId name{};
        if (rank() == 0) check(nccl().ncclGetUniqueId(&name), "ncclGetUniqueId");
        processes.broadcast({reinterpret_cast<std::byte*>(&name), sizeof name}, 0);
        check(nccl().ncclCommInitRank(&group_, ranks(), name, rank()), "ncclCommInitRank");
    }
    ~Nccl() override {
        if (asked_)
            abort();  // after an exception: others may never come to their part
        else if (group_ != nullptr)
            static_cast<void>(nccl().ncclCommDestroy(group_));
    }

    void send(const void* data, size_t bytes, int to) override {
        ask(nccl().ncclSend(data, bytes, ncclInt8, to, group_, stream()), "ncclSend");
    }
    void receive(void* data, size_t bytes, int from) override {
        ask(nccl().ncclRecv(data, bytes, ncclInt8, from, group_, stream()), "ncclRecv");
    }
    void broadcast(void* data, size_t bytes, int from) override {
        ask(nccl().ncclBroadcast(data, data, bytes, ncclInt8, from, group_, stream()), "ncclBroadcast");
    }
    void gather(void* parts, size_t bytes_of_part) override {
        const void* const own = static_cast<std::byte*>(parts) + static_cast<size_t>(rank()) * bytes_of_part;
        ask(nccl().ncclAllGather(own, parts, bytes_of_part, ncclInt8, group_, stream()), "ncclAllGather");
    }
    bool sums() const override { return sums_; }
    void sum(void* data, int64_t count, DType dtype) override {
        const ncclDataType_t type = dtype == DType::f64 ? ncclFloat64 : ncclFloat32;
        ask(nccl().ncclAllReduce(data, data, static_cast<size_t>(count), type, ncclSum, group_, stream()),
            "ncclAllReduce");
    }

    bool queues() const override { return true; }
    void open() override { lane_.emplace(LaneOf::exchange); }
    void close() override { lane_.reset(); }
    void join() override { join_lanes(LaneOf::exchange); }
    void finish() override {
        set_mark();
        wait_for_mark();  // for our own kernels
        const auto begin = Clock::now();
        join();
        set_mark();
        wait_for_mark();
        processes().count_as_waited(seconds_since(begin));
        asked_ = false;
    }

  private:
    using Clock = std::chrono::steady_clock;

    static double seconds_since(Clock::time_point begin) {
        return std::chrono::duration<double>(Clock::now() - begin).count();
    }

    /// What hangs on the GPU is ended first, so that it can be used again: for a last checkpoint.
    [[noreturn]] void fail(const std::string& call, ncclResult_t status) {
        const char* const more = nccl().ncclGetLastError(group_);
        const std::string because = more == nullptr || *more == 0 ? "" : std::string(": ") + more;
        abort();
        throw AbsentProcess("the processes' GPUs cannot reach each other: " + call +
                            nccl().ncclGetErrorString(status) + because);
    }

    void check(ncclResult_t status, const char* call) {
        if (status != ncclSuccess) fail(std::string(call) + ": ", status);
    }
    void ask(ncclResult_t status, const char* call) {
        asked_ = true;
        check(status, call);
    }

    /// What another process's end, or a broken network, comes to: no call returns it.
    void check_group() {
        ncclResult_t status = ncclSuccess;
        check(nccl().ncclCommGetAsyncError(group_, &status), "ncclCommGetAsyncError");
        if (status == ncclSuccess || status == ncclInProgress) return;
        fail("", status);
    }

    void wait_for_mark() {
        constexpr int eager = 200;  // times without a pause: most steps have ended by then
        const auto begin = Clock::now();
        for (int asked = 0; !is_past_mark(); ++asked) {
            check_group();
            if (seconds_since(begin) >= processes().patience()) {
                abort();
                processes().throw_absent();
            }
            if (asked >= eager) std::this_thread::sleep_for(std::chrono::microseconds(20));
        }
        check_group();
    }

    /// Ends what hangs on the GPU, which can be used again then.
    void abort() {
        if (group_ != nullptr) static_cast<void>(nccl().ncclCommAbort(group_));
        group_ = nullptr;
    }

    bool sums_;
    ncclComm_t group_ = nullptr;
    std::optional<Lane> lane_;
    bool asked_ = false;  // of the GPU, and not known to have ended
};

}  // namespace

const char* nccl_problem(const Collective& processes) {
    if (const char* problem = nccl().file.problem()) return problem;
    static std::string crowded;
    const int gpus = gpu_count(), number = processes.number_on_machine();
    if (number < gpus) return nullptr;
    crowded = std::to_string(number + 1) + " processes or more share a machine with " + std::to_string(gpus) +
              (gpus == 1 ? " GPU" : " GPUs") + ", and NCCL wants one for each";
    return crowded.c_str();
}

std::unique_ptr<DeviceCollective> join_nccl(Collective& processes, bool sums) {
    return std::make_unique<Nccl>(processes, sums);
}

}  // namespace vitrine::VITRINE_GPU
