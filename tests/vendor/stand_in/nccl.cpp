// The stand-in NCCL: messages between processes, in the order of a stream of the simt device.
//
// A call is checked and queued; what it asks for happens when the stream comes to it and the other processes to their parts. Each
// message says which call it is of: what the two sides do not agree on is an error of the group, and nothing behind it happens.

#include "tests/vendor/stand_in/nccl.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "kernels/simt/host_compat.h"
#include "kernels/simt/memory.h"
#include "tests/vendor/stand_in/calls.h"
#include "tests/vendor/stand_in/memory.h"
#include "tests/vendor/stand_in/nccl_transfer.h"

namespace vitrine::stand_in {
namespace {

void require(bool condition, ncclResult_t status, const std::string& sentence) {
    if (!condition) throw Wrong{status, sentence};
}

size_t size_of(ncclDataType_t type) {
    switch (type) {
        case ncclInt8:
        case ncclUint8:
            return 1;
        case ncclFloat16:
        case ncclBfloat16:
            return 2;
        case ncclInt32:
        case ncclUint32:
        case ncclFloat32:
            return 4;
        case ncclInt64:
        case ncclUint64:
        case ncclFloat64:
            return 8;
    }
    throw Wrong{ncclInvalidArgument, "there is no such type"};
}

}  // namespace
}  // namespace vitrine::stand_in

namespace vitrine::stand_in {
namespace {

std::mutex mutex;
std::vector<Group> groups;

Group alive(ncclComm_t group) {
    const std::lock_guard lock(mutex);
    const auto found = std::ranges::find(groups, group, &Group::get);
    require(found != groups.end(), ncclInvalidArgument, "the group is not one that ncclCommInitRank made");
    return *found;
}

/// What a call comes to in this process.
struct Work {
    Group group;
    std::vector<Transfer> transfers{};
    std::function<void()> then = [] {};

    bool go_on() {
        if (group->aborted) return true;
        if (group->failure != ncclSuccess) return false;
        bool done = true;
        for (Transfer& transfer : transfers) done = transfer.go_on() && done;
        if (!done) return false;
        then();
        --group->unfinished;
        return true;
    }
};

/// A call's buffer, as NCCL has it.
struct Data {
    const void* memory;
    size_t count;
    ncclDataType_t type;

    size_t bytes() const { return count * size_of(type); }
    void* at(size_t part) const { return static_cast<char*>(const_cast<void*>(memory)) + part * bytes(); }
    MessageHead head(Call call, int root = -1) const {
        return {call, static_cast<uint32_t>(type), count, root};
    }
};

void require_memory(const Data& data, size_t parts, const char* what) {
    const std::string wrong =
        wrong_device_memory(data.memory, parts * data.bytes(), size_of(data.type), what);
    require(wrong.empty(), ncclInvalidArgument, wrong);
}

void require_peer(const Group& group, int peer, const char* what) {
    require(peer >= 0 && peer < group->ranks, ncclInvalidArgument,
            std::string(what) + " " + std::to_string(peer) + " is none of " + std::to_string(group->ranks) +
                " processes");
}

/// `memory`: of the call's buffers.
void queue(Work work, std::initializer_list<const void*> memory, cudaStream_t stream) {
    require(stream != nullptr, ncclInvalidArgument,
            "the default stream, which does not wait for the program's, is given");
    for (const void* buffer : memory) {
        const std::string wrong = simt::unordered(stream, buffer);
        require(wrong.empty(), ncclInvalidUsage, wrong);
    }
    require(work.group->failure == ncclSuccess, work.group->failure, work.group->sentence);
    ++work.group->unfinished;
    simt::ask_for_library_work(stream,
                               [work = std::make_shared<Work>(std::move(work))] { return work->go_on(); });
}

void send_or_receive_data(ncclComm_t comm, const Data& data, int peer, bool sends, cudaStream_t stream) {
    Work work{alive(comm)};
    require_peer(work.group, peer, "the other process");
    require(peer != work.group->rank, ncclInvalidUsage,
            "a process talks to itself, outside of a group of calls");
    require_memory(data, 1, sends ? "sendbuff" : "recvbuff");
    work.transfers.emplace_back(work.group, peer, sends, data.head(send_or_receive), data.at(0),
                                data.bytes());
    queue(std::move(work), {data.memory}, stream);
}

template <class T>
void add_up(const std::vector<std::vector<char>>& parts, void* result, size_t count) {
    // From the last process to the first: NCCL's order is its own, and another one than our tree's.
    T* const sums = static_cast<T*>(result);
    for (size_t i = 0; i < count; ++i) {
        T sum = reinterpret_cast<const T*>(parts.back().data())[i];
        for (size_t part = parts.size() - 1; part-- > 0;)
            sum += reinterpret_cast<const T*>(parts[part].data())[i];
        sums[i] = sum;
    }
}

void sum_data(ncclComm_t comm, const Data& from, const Data& to, cudaStream_t stream) {
    Work work{alive(comm)};
    require(from.type == ncclFloat32 || from.type == ncclFloat64, ncclInvalidArgument,
            "sums are of f32 or f64 here");
    require_memory(from, 1, "sendbuff");
    require_memory(to, 1, "recvbuff");
    const Group group = work.group;
    const auto parts = std::make_shared<std::vector<std::vector<char>>>(static_cast<size_t>(group->ranks),
                                                                        std::vector<char>(from.bytes()));
    for (int other = 0; other < group->ranks; ++other) {
        if (other == group->rank) continue;
        work.transfers.emplace_back(group, other, true, from.head(summing), from.at(0), from.bytes());
        work.transfers.emplace_back(group, other, false, from.head(summing),
                                    (*parts)[static_cast<size_t>(other)].data(), from.bytes());
    }
    work.then = [parts, from, to, own = static_cast<size_t>(group->rank)] {
        std::memcpy((*parts)[own].data(), from.memory, from.bytes());
        if (from.type == ncclFloat32)
            add_up<float>(*parts, to.at(0), to.count);
        else
            add_up<double>(*parts, to.at(0), to.count);
    };
    queue(std::move(work), {from.memory, to.memory}, stream);
}

/// Each process tells the others which GPU it has.
void require_own_gpu(const Group& group) {
    int gpu = -1;
    cudaGetDevice(&gpu);
    std::vector<int> theirs(static_cast<size_t>(group->ranks), -1);
    const Data number{&gpu, sizeof gpu, ncclInt8};
    Work work{group};
    for (int other = 0; other < group->ranks; ++other) {
        if (other == group->rank) continue;
        work.transfers.emplace_back(group, other, true, number.head(joining), &gpu, sizeof gpu);
        work.transfers.emplace_back(group, other, false, number.head(joining),
                                    &theirs[static_cast<size_t>(other)], sizeof gpu);
    }
    ++group->unfinished;
    while (!work.go_on()) {
        require(group->failure == ncclSuccess, group->failure, group->sentence);
        ::usleep(50);
    }
    const auto same = std::ranges::find(theirs, gpu);
    require(same == theirs.end(), ncclInvalidUsage,
            "processes " + std::to_string(group->rank) + " and " + std::to_string(same - theirs.begin()) +
                " have the same GPU, " + std::to_string(gpu));
}

}  // namespace
}  // namespace vitrine::stand_in

using namespace vitrine::stand_in;

const char* ncclGetErrorString(ncclResult_t result) {
#define VITRINE_NAME(name, value) \
    if (result == name) return #name;
    VITRINE_NCCL_RESULTS(VITRINE_NAME)
#undef VITRINE_NAME
    return "unknown result code";
}

const char* ncclGetLastError(ncclComm_t comm) {
    if (comm != nullptr && !comm->sentence.empty()) return comm->sentence.c_str();
    return last_sentence().c_str();
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* uniqueId) {
    return call<ncclResult_t>("ncclGetUniqueId", [&] {
        require(uniqueId != nullptr, ncclInvalidArgument, "the place for the name is null");
        std::random_device random;
        const std::string name =
            "vitrine-nccl-" + std::to_string(::getpid()) + "-" + std::to_string(random());
        std::strncpy(uniqueId->internal, name.c_str(), sizeof uniqueId->internal - 1);
    });
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int nranks, ncclUniqueId commId, int rank) {
    return call<ncclResult_t>("ncclCommInitRank", [&] {
        require(comm != nullptr, ncclInvalidArgument, "the place for the group is null");
        require(rank >= 0 && rank < nranks, ncclInvalidArgument, "the rank is none of the group's");
        const Group group = std::make_shared<ncclComm>(commId.internal, rank, nranks);
        require_own_gpu(group);
        const std::lock_guard lock(mutex);
        groups.push_back(group);
        *comm = group.get();
    });
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
    return call<ncclResult_t>("ncclCommDestroy", [&] {
        const Group group = alive(comm);
        require(group->unfinished == 0, ncclInvalidUsage, "calls of the group have not ended");
        const std::lock_guard lock(mutex);
        std::erase(groups, group);
    });
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
    return call<ncclResult_t>("ncclCommAbort", [&] {
        const Group group = alive(comm);
        group->aborted = true;
        const std::lock_guard lock(mutex);
        std::erase(groups, group);
    });
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* asyncError) {
    return call<ncclResult_t>("ncclCommGetAsyncError", [&] { *asyncError = alive(comm)->failure; });
}

ncclResult_t ncclSend(const void* sendbuff, size_t count, ncclDataType_t datatype, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
    return call<ncclResult_t>("ncclSend", [&] {
        send_or_receive_data(comm, {sendbuff, count, datatype}, peer, true, stream);
    });
}

ncclResult_t ncclRecv(void* recvbuff, size_t count, ncclDataType_t datatype, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
    return call<ncclResult_t>("ncclRecv", [&] {
        send_or_receive_data(comm, {recvbuff, count, datatype}, peer, false, stream);
    });
}

ncclResult_t ncclBroadcast(const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
                           int root, ncclComm_t comm, cudaStream_t stream) {
    return call<ncclResult_t>("ncclBroadcast", [&] {
        Work work{alive(comm)};
        require_peer(work.group, root, "the root");
        const Data from{sendbuff, count, datatype}, to{recvbuff, count, datatype};
        const bool sends = root == work.group->rank;
        require_memory(to, 1, "recvbuff");
        if (sends) require_memory(from, 1, "sendbuff");
        if (sends) {
            for (int other = 0; other < work.group->ranks; ++other) {
                if (other != root)
                    work.transfers.emplace_back(work.group, other, true, from.head(broadcasting, root),
                                                from.at(0), from.bytes());
            }
            work.then = [from, to] { std::memmove(to.at(0), from.memory, to.bytes()); };
        } else {
            work.transfers.emplace_back(work.group, root, false, to.head(broadcasting, root), to.at(0),
                                        to.bytes());
        }
        queue(std::move(work), {from.memory, to.memory}, stream);
    });
}

ncclResult_t ncclAllGather(const void* sendbuff, void* recvbuff, size_t sendcount, ncclDataType_t datatype,
                           ncclComm_t comm, cudaStream_t stream) {
    return call<ncclResult_t>("ncclAllGather", [&] {
        Work work{alive(comm)};
        const Data from{sendbuff, sendcount, datatype}, to{recvbuff, sendcount, datatype};
        const auto own = static_cast<size_t>(work.group->rank);
        require_memory(from, 1, "sendbuff");
        require_memory(to, static_cast<size_t>(work.group->ranks), "recvbuff");
        for (int other = 0; other < work.group->ranks; ++other) {
            if (other == work.group->rank) continue;
            work.transfers.emplace_back(work.group, other, true, from.head(gathering), from.at(0),
                                        from.bytes());
            work.transfers.emplace_back(work.group, other, false, to.head(gathering),
                                        to.at(static_cast<size_t>(other)), to.bytes());
        }
        work.then = [from, to, own] { std::memmove(to.at(own), from.memory, from.bytes()); };
        queue(std::move(work), {from.memory, to.memory}, stream);
    });
}

ncclResult_t ncclAllReduce(const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
    return call<ncclResult_t>("ncclAllReduce", [&] {
        require(op == ncclSum, ncclInvalidArgument, "sums alone stand in here");
        sum_data(comm, {sendbuff, count, datatype}, {recvbuff, count, datatype}, stream);
    });
}
