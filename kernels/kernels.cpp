// Finds the table, the runtime, the timing and the context of a device, and keeps which implementations are
// forced.

#include "kernels/kernels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/vendor/available.h"
#include "kernels/devices.h"
#include "kernels/error.h"
#include "kernels/input_lane.h"
#include "kernels/no_implementation.h"
#include "kernels/preferred.h"
#include "kernels/replaced_kernels.h"

namespace vitrine {

Device device_from_name(std::string_view name) {
    std::string known;
    for (Device device : all_devices) {
        if (name == name_of(device)) return device;
        known += (known.empty() ? "" : ", ") + std::string(name_of(device));
    }
    throw Error(fmt::format("unknown device '{}': choose one of {}", name, known));
}

namespace {

struct Replacement {
    Device device = Device::reference;
    const KernelTable* table = nullptr;  // null: none
};
Replacement replacement;

}  // namespace

ReplacedKernels::ReplacedKernels(Device device, const KernelTable& table) { replacement = {device, &table}; }
ReplacedKernels::~ReplacedKernels() { replacement = {}; }

const KernelTable& kernels(Device device) {
    if (replacement.table != nullptr && replacement.device == device) return *replacement.table;
    if (device == Device::cuda) cuda::require_usable();
    if (device == Device::simt) simt::require_usable();
    return listed_kernels(device);
}

const Runtime& runtime(Device device) {
    switch (device) {
        case Device::reference:
            return reference::runtime();
        case Device::cpu:
            return cpu::runtime();
        case Device::cuda:
            return cuda::runtime();
        case Device::simt:
            return simt::runtime();
    }
    throw std::logic_error("unknown device");
}

const Timing& timing(Device device) {
    switch (device) {
        case Device::reference:
            return reference::timing();
        case Device::cpu:
            return cpu::timing();
        case Device::cuda:
            return cuda::timing();
        case Device::simt:
            return simt::timing();
    }
    throw std::logic_error("unknown device");
}

namespace {

struct DeviceState {
    explicit DeviceState(Device device)
        : scratch(device),
          lane_scratch(device),
          context{device, scratch, nullptr},
          lane_context{device, lane_scratch, nullptr} {}

    Scratch scratch, lane_scratch;
    Context context, lane_context;
    bool in_lane = false;
    std::map<std::string, std::string, std::less<>> forced;  // kernel → implementation
};

DeviceState& state(Device device) {
    static std::array<std::unique_ptr<DeviceState>, all_devices.size()> states;
    auto& slot = states[static_cast<size_t>(device)];
    if (!slot) slot = std::make_unique<DeviceState>(device);
    return *slot;
}

}  // namespace

Context& context(Device device) {
    DeviceState& device_state = state(device);
    return device_state.in_lane ? device_state.lane_context : device_state.context;
}

bool has_input_lane(Device device) { return runtime(device).input_lane.open != nullptr; }

InputLane::InputLane(Device device) : device_(device) {
    runtime(device).input_lane.open();
    state(device).in_lane = true;
}

InputLane::~InputLane() {
    state(device_).in_lane = false;
    runtime(device_).input_lane.close();
}

void join_input_lane(Device device) { runtime(device).input_lane.join(); }

Scratch::~Scratch() {
    for (const Block& block : blocks_) runtime(device_).release(block.memory);
    for (void* memory : outgrown_) runtime(device_).release(memory);
}

void Scratch::give_back(void* memory) {
    if (memory == nullptr) return;
    if (keepers_ > 0)
        outgrown_.push_back(memory);
    else
        runtime(device_).release(memory);
}

void Scratch::end_keeping() {
    if (--keepers_ > 0) return;
    for (void* memory : std::exchange(outgrown_, {})) runtime(device_).release(memory);
}

void* Scratch::take(size_t bytes) {
    if (used_ == blocks_.size()) blocks_.push_back({nullptr, 0});
    Block& block = blocks_[used_++];
    if (block.bytes < bytes) {
        give_back(block.memory);
        block = {nullptr, 0};
        block.memory = runtime(device_).allocate(bytes);
        block.bytes = bytes;
    }
    return block.memory;
}

size_t Scratch::bytes_held() const {
    size_t total = 0;
    for (const Block& block : blocks_) total += block.bytes;
    return total;
}

std::string_view forced_implementation(Device device, std::string_view kernel) {
    const auto& forced = state(device).forced;
    const auto found = forced.find(kernel);
    return found == forced.end() ? std::string_view{} : std::string_view{found->second};
}

namespace {

/// Why the library of this name cannot be loaded, or null.
const char* loading_problem(Device device, const std::string& name) {
    if (device == Device::cuda) return cuda::vendor::loading_problem(name);
    return device == Device::simt ? simt::vendor::loading_problem(name) : nullptr;
}

/// --impl name
void prefer_one(Device device, const std::string& name) {
    std::set<std::string> known;
    for_each_kernel(device, [&](const auto& kernel) {
        for (const auto& implementation : kernel->implementations()) known.insert(implementation.name);
    });
    if (!known.contains(name)) {
        throw Error(
            fmt::format("--impl {}: no kernel on device {} has such an implementation; write it as "
                        "op=implementation, for example depthwise_conv=direct, or take one of {} for all ops",
                        name, name_of(device), fmt::join(known, ", ")));
    }
    if (const char* problem = loading_problem(device, name))
        throw Error(fmt::format("--impl {}: it cannot be used here: {}", name, problem));
    const auto before = preferred_implementations(device);
    std::vector<std::string> preferred(before.begin(), before.end());
    if (std::ranges::find(preferred, name) == preferred.end()) preferred.push_back(name);
    prefer_implementations(device, std::move(preferred));
}

/// --impl op=name
void force_one(Device device, std::string_view assignment, size_t equals) {
    const std::string_view op = assignment.substr(0, equals);
    const std::string_view wanted = assignment.substr(equals + 1);
    bool op_exists = false, done = false;
    std::string ops, implementations;
    for_each_kernel(device, [&](const auto& kernel) {
        const std::string_view name = kernel->name();
        ops += fmt::format("{}{}", ops.empty() ? "" : ", ", name);
        if (name != op && name != fmt::format("{}_forward", op) && name != fmt::format("{}_backward", op))
            return;
        op_exists = true;
        bool offered = wanted.empty();
        for (const auto& implementation : kernel->implementations()) {
            offered = offered || wanted == implementation.name;
            implementations +=
                fmt::format("{}{} ({})", implementations.empty() ? "" : ", ", implementation.name, name);
        }
        if (!offered) return;
        done = true;
        state(device).forced[std::string(name)] = wanted;
    });
    if (!op_exists) throw Error(fmt::format("--impl {}: no op '{}'; there are {}", assignment, op, ops));
    if (!done) {
        throw Error(fmt::format("--impl {}: {} has no implementation '{}' on device {}; it has {}",
                                assignment, op, wanted, name_of(device), implementations));
    }
}

}  // namespace

void force_implementation(Device device, std::string_view assignments) {
    for (size_t begin = 0; begin <= assignments.size();) {
        const size_t comma = std::min(assignments.find(',', begin), assignments.size());
        const std::string_view assignment = assignments.substr(begin, comma - begin);
        const size_t equals = assignment.find('=');
        if (equals == std::string_view::npos) {
            prefer_one(device, std::string(assignment));
        } else {
            force_one(device, assignment, equals);
        }
        begin = comma + 1;
    }
}

void throw_no_implementation(const char* kernel, Device device, const std::string& reasons) {
    throw NoImplementation(fmt::format("no implementation of {} on device {} takes these arguments ({})",
                                       kernel, name_of(device), reasons),
                           reasons);
}

}  // namespace vitrine
