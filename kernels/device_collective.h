// What the processes of a run exchange of the numbers in their devices' memory: gradients, statistics, losses.
//
//     way         what it is
//     host        in the host's memory, by Collective: where a device's memory is another, through copies there
//     nccl        from GPU to GPU, queued behind the kernels that make the numbers
//     nccl_sums   the same, but NCCL adds the gradients up: less is sent, in an order that depends on the number of processes
//
// A device has a list of them (ways_of). All processes call the same functions in the same order, as with Collective.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/collective.h"
#include "kernels/device.h"
#include "kernels/dtype.h"

namespace vitrine {

class DeviceCollective {
  public:
    explicit DeviceCollective(Collective& processes) : processes_(processes) {}
    virtual ~DeviceCollective() = default;
    DeviceCollective(const DeviceCollective&) = delete;
    DeviceCollective& operator=(const DeviceCollective&) = delete;

    Collective& processes() const { return processes_; }
    int rank() const { return processes_.rank(); }
    int ranks() const { return processes_.ranks(); }

    // Of memory of the device; sizes in bytes.

    virtual void send(const void* data, size_t bytes, int to) = 0;
    virtual void receive(void* data, size_t bytes, int from) = 0;
    /// `data` becomes what it is in the process `from`.
    virtual void broadcast(void* data, size_t bytes, int from) = 0;
    /// `parts` are ranks() of that size: part r becomes what it is in process r.
    virtual void gather(void* parts, size_t bytes_of_part) = 0;
    /// Whether sum() is there, and wants to be used in place of an order of our own.
    virtual bool sums() const { return false; }
    /// `data`, count elements of f32 or f64, becomes the sum of all processes', the same in each of them.
    virtual void sum(void* data, int64_t count, DType dtype);

    /// Whether another thread may call the functions above while this one uses the device; where queues() is false.
    virtual bool any_thread() const { return false; }

    /// Whether the functions above only queue what they are asked for. It happens beside kernels then:
    ///
    ///     collective.open();      // what is queued now, and kernels of this thread, run behind all that the device was asked for
    ///     … send, receive, kernels …
    ///     collective.close();     // kernels run beside it again
    ///     collective.join();      // kernels from now on find what came of it
    ///     collective.finish();    // and so does the host
    ///
    /// Else all of it has happened when they return, and these four do nothing.
    virtual bool queues() const { return false; }
    virtual void open() {}
    virtual void close() {}
    virtual void join() {}
    /// Joins, too. Throws AbsentProcess where that takes longer than Collective::set_patience() allows.
    virtual void finish() {}

  private:
    Collective& processes_;
};

/// open() and close() around a scope.
class Beside {
  public:
    explicit Beside(DeviceCollective& collective) : collective_(collective) { collective_.open(); }
    ~Beside() { collective_.close(); }
    Beside(const Beside&) = delete;
    Beside& operator=(const Beside&) = delete;

  private:
    DeviceCollective& collective_;
};

/// A process by itself, on any device.
DeviceCollective& alone_on_device();

/// The names of a device's ways, the best first.
std::span<const char* const> ways_of(Device device);

struct JoinedDevices {
    std::unique_ptr<DeviceCollective> collective;
    std::string
        refused{};  // why a way before this one could not be used, "nccl: …"; empty where there was none
};

/// Called once by all processes, which get the same way: `wanted`, or the first that can be used in all of them where that is empty.
/// Throws Error where the wanted one is none of the device's, or cannot be used in this process.
JoinedDevices join_devices(Device device, Collective& processes, std::string_view wanted);

/// Has this process use a GPU of its own, as far as the machine has so many. Before anything else of the device.
void choose_gpu(Device device, const Collective& processes);

}  // namespace vitrine
