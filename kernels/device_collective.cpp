// The ways of device_collective.h, and those that go through the host's memory.

#include "kernels/device_collective.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include "kernels/cuda/nccl/join_nccl.h"
#include "kernels/devices.h"
#include "kernels/error.h"

namespace vitrine {
namespace {

std::span<std::byte> bytes_at(void* data, size_t bytes) { return {static_cast<std::byte*>(data), bytes}; }

/// The device's memory is the host's.
class HostMemory final : public DeviceCollective {
  public:
    using DeviceCollective::DeviceCollective;

    void send(const void* data, size_t bytes, int to) override {
        processes().send({static_cast<const std::byte*>(data), bytes}, to);
    }
    void receive(void* data, size_t bytes, int from) override {
        processes().receive(bytes_at(data, bytes), from);
    }
    void broadcast(void* data, size_t bytes, int from) override {
        processes().broadcast(bytes_at(data, bytes), from);
    }
    void gather(void* parts, size_t bytes_of_part) override {
        processes().gather(bytes_at(parts, bytes_of_part * static_cast<size_t>(ranks())));
    }
    bool any_thread() const override { return processes().any_thread(); }
};

/// Copies to the host's memory before, and from it after.
class ThroughHost final : public DeviceCollective {
  public:
    ThroughHost(Collective& processes, const Runtime& device)
        : DeviceCollective(processes), device_(device) {}

    void send(const void* data, size_t bytes, int to) override { processes().send(fetch(data, bytes), to); }
    void receive(void* data, size_t bytes, int from) override {
        processes().receive(room(bytes), from);
        device_.copy_from_host(data, host_.data(), bytes);
    }
    void broadcast(void* data, size_t bytes, int from) override {
        processes().broadcast(rank() == from ? fetch(data, bytes) : room(bytes), from);
        if (rank() != from) device_.copy_from_host(data, host_.data(), bytes);
    }
    void gather(void* parts, size_t bytes_of_part) override {
        const size_t bytes = bytes_of_part * static_cast<size_t>(ranks());
        processes().gather(fetch(parts, bytes));
        device_.copy_from_host(parts, host_.data(), bytes);
    }

  private:
    std::span<std::byte> room(size_t bytes) {
        host_.resize(std::max(host_.size(), bytes));
        return std::span(host_).first(bytes);
    }
    std::span<std::byte> fetch(const void* data, size_t bytes) {
        device_.copy_to_host(room(bytes).data(), data, bytes);
        return room(bytes);
    }

    const Runtime& device_;
    std::vector<std::byte> host_;
};

constexpr std::array in_host_memory{"host"};
constexpr std::array of_gpu{"nccl", "host", "nccl_sums"};

const char* nccl_problem(Device device, const Collective& processes) {
    return device == Device::cuda ? cuda::nccl_problem(processes) : simt::nccl_problem(processes);
}

std::unique_ptr<DeviceCollective> join_nccl(Device device, Collective& processes, bool sums) {
    return device == Device::cuda ? cuda::join_nccl(processes, sums) : simt::join_nccl(processes, sums);
}

std::unique_ptr<DeviceCollective> through_host(Device device, Collective& processes) {
    const Runtime& memory = runtime(device);
    if (memory.reads_host_memory) return std::make_unique<HostMemory>(processes);
    return std::make_unique<ThroughHost>(processes, memory);
}

}  // namespace

void DeviceCollective::sum(void*, int64_t, DType) { throw std::logic_error("sums are the tree's"); }

DeviceCollective& alone_on_device() {
    static HostMemory collective(alone());
    return collective;
}

std::span<const char* const> ways_of(Device device) {
    if (device == Device::cuda || device == Device::simt) return of_gpu;
    return in_host_memory;
}

JoinedDevices join_devices(Device device, Collective& processes, std::string_view wanted) {
    const auto ways = ways_of(device);
    if (!wanted.empty() && std::ranges::find(ways, wanted) == ways.end())
        throw Error(
            fmt::format("--collective {}: device {} has {}", wanted, name_of(device), fmt::join(ways, ", ")));
    const std::string way(wanted.empty() ? ways.front() : wanted);
    if (way == "host" || processes.ranks() == 1) return {through_host(device, processes)};
    const char* const problem = nccl_problem(device, processes);
    const bool refused = processes.largest(problem == nullptr ? 0 : 1) != 0;
    if (problem != nullptr && !wanted.empty())
        throw Error(fmt::format("--collective {}: it cannot be used here: {}", wanted, problem));
    if (refused)
        return {
            through_host(device, processes),
            fmt::format("{}: {}", way, problem == nullptr ? "it cannot be used in all processes" : problem)};
    return {join_nccl(device, processes, way == "nccl_sums")};
}

void choose_gpu(Device device, const Collective& processes) {
    const bool on_cuda = device == Device::cuda;
    if (!on_cuda && device != Device::simt) return;
    const int count = on_cuda ? cuda::gpu_count() : simt::gpu_count();
    if (count == 0) return;
    const int number = processes.number_on_machine() % count;
    on_cuda ? cuda::choose_gpu(number) : simt::choose_gpu(number);
}

}  // namespace vitrine
