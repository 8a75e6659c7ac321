// One launch of a kernel on guarded buffers: see launch.h.

#include "lab/gradcheck/harness/launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "kernels/device_fault.h"
#include "kernels/runtime.h"

namespace vitrine::gradcheck {

Launch::Launch(Device device, DType dtype, std::vector<Slot> slots, Placement placement)
    : device_(device), dtype_(dtype), slots_(std::move(slots)) {
    for (const Slot& slot : slots_) {
        buffers_.push_back(slot.shares.empty()
                               ? std::make_unique<GuardedBuffer>(device, slot.dtype, slot.count, placement)
                               : nullptr);
    }
    for (const Slot& slot : slots_) bindings_.bind(slot.name, buffer(slot.name).data(), slot.mode);
    prepare();
}

size_t Launch::slot_index(std::string_view name) const {
    for (size_t i = 0; i < slots_.size(); ++i) {
        if (slots_[i].name == name) return i;
    }
    throw std::logic_error("no slot " + std::string(name));
}

GuardedBuffer& Launch::buffer(std::string_view name) const {
    const size_t index = slot_index(name);
    return buffers_[index] ? *buffers_[index] : buffer(slots_[index].shares);
}

void Launch::prepare() {
    for (size_t i = 0; i < slots_.size(); ++i) {
        if (!buffers_[i]) continue;
        if (slots_[i].access == Access::write) {
            buffers_[i]->poison();
        } else {
            buffers_[i]->fill(slots_[i].values);
        }
    }
}

void Launch::run(const Callable& implementation) {
    prepare();
    exception_.clear();
    try {
        implementation.run(dtype_, bindings_, context(device_));
    } catch (const DeviceFault&) {
        throw;
    } catch (const std::exception& error) {
        exception_ = error.what();
        context(device_).scratch.reset();
    }
    runtime(device_).synchronise();  // so that what went wrong on the device is this launch's
}

std::vector<std::string> Launch::violations() const {
    std::vector<std::string> broken;
    if (!exception_.empty()) broken.push_back("it threw: " + exception_);
    for (size_t i = 0; i < slots_.size(); ++i) {
        if (!buffers_[i]) continue;
        const std::string damage = buffers_[i]->damage();
        if (!damage.empty()) broken.push_back(fmt::format("{}: {}", slots_[i].name, damage));
        const bool shared =
            std::ranges::any_of(slots_, [&](const Slot& s) { return s.shares == slots_[i].name; });
        if (slots_[i].access != Access::read || shared) continue;
        const std::vector<double> before = rounded_to(slots_[i].dtype, slots_[i].values);
        const std::vector<double> after = buffers_[i]->values();
        for (size_t index = 0; index < before.size(); ++index) {
            if (std::bit_cast<uint64_t>(before[index]) == std::bit_cast<uint64_t>(after[index])) continue;
            broken.push_back(fmt::format("{}[{}]: an input was changed from {} to {}", slots_[i].name, index,
                                         before[index], after[index]));
            break;
        }
    }
    return broken;
}

std::vector<std::byte> Launch::result_bytes() const {
    std::vector<std::byte> all;
    for (const Slot& slot : slots_) {
        if (slot.access == Access::read) continue;
        const std::vector<std::byte> bytes = buffer(slot.name).bytes();
        all.insert(all.end(), bytes.begin(), bytes.end());
    }
    return all;
}

void Launch::set_value(std::string_view name, int64_t index, double value) {
    slots_[slot_index(name)].values[static_cast<size_t>(index)] = value;
}

void Launch::set_values(std::string_view name, std::vector<double> values) {
    slots_[slot_index(name)].values = std::move(values);
}

}  // namespace vitrine::gradcheck
