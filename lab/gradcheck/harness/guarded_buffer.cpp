// Device memory between two guard zones: see guarded_buffer.h.

#include "lab/gradcheck/harness/guarded_buffer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "kernels/runtime.h"

namespace vitrine::gradcheck {
namespace {

constexpr size_t guard_size = 1024;  // bytes on either side: more than any vector or unrolled loop writes

size_t bytes_in_front(Placement placement, DType dtype) {
    if (placement == Placement::bare) return 0;
    return guard_size + (placement == Placement::misaligned ? 3 * size_of(dtype) : 0);
}

template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
    switch (dtype) {
        case DType::i32:
            return f.template operator()<int32_t>();
        case DType::u8:
            return f.template operator()<uint8_t>();
        default:
            return dispatch_storage(dtype, f);
    }
}

std::vector<std::byte> to_bytes(DType dtype, std::span<const double> values) {
    std::vector<std::byte> bytes(values.size() * size_of(dtype));
    dispatch(dtype, [&]<class T>() {
        for (size_t i = 0; i < values.size(); ++i) {
            const T value = static_cast<T>(values[i]);
            std::memcpy(&bytes[i * sizeof(T)], &value, sizeof(T));
        }
    });
    return bytes;
}

std::vector<double> to_values(DType dtype, std::span<const std::byte> bytes) {
    std::vector<double> values(bytes.size() / size_of(dtype));
    dispatch(dtype, [&]<class T>() {
        for (size_t i = 0; i < values.size(); ++i) {
            T value;
            std::memcpy(&value, &bytes[i * sizeof(T)], sizeof(T));
            values[i] = static_cast<double>(value);
        }
    });
    return values;
}

int64_t count_changed(std::span<const std::byte> now, std::span<const std::byte> then) {
    int64_t changed = 0;
    for (size_t i = 0; i < now.size(); ++i) changed += now[i] != then[i];
    return changed;
}

}  // namespace

GuardedBuffer::GuardedBuffer(Device device, DType dtype, int64_t count, Placement placement)
    : device_(device),
      dtype_(dtype),
      count_(count),
      begin_(bytes_in_front(placement, dtype)),
      size_(static_cast<size_t>(count) * size_of(dtype)),
      behind_(placement == Placement::bare ? 0 : guard_size),
      memory_(static_cast<std::byte*>(runtime(device).allocate(begin_ + size_ + behind_))) {
    const std::vector<std::byte> zone = guard();
    // The zone in front starts at the memory's start: its end is the pattern's, so that elements stay whole.
    runtime(device_).copy_from_host(memory_, zone.data() + zone.size() - begin_, begin_);
    runtime(device_).copy_from_host(memory_ + begin_ + size_, zone.data(), behind_);
    poison();
}

GuardedBuffer::~GuardedBuffer() { runtime(device_).release(memory_); }

std::vector<std::byte> GuardedBuffer::guard() const {
    const uint64_t pattern = dtype_ == DType::f64   ? 0x7FF4A5A5A5A5A5A5
                             : dtype_ == DType::f32 ? 0x7FA5A5A57FA5A5A5
                             : is_half(dtype_)      ? 0x7FA57FA57FA57FA5  // NaNs of both
                                                    : 0xA5A5A5A5A5A5A5A5;
    std::vector<std::byte> zone(2 * guard_size);
    for (size_t i = 0; i < zone.size(); i += sizeof(pattern))
        std::memcpy(&zone[i], &pattern, sizeof(pattern));
    return zone;
}

void GuardedBuffer::upload(const std::vector<std::byte>& elements) {
    if (elements.size() != size_)
        throw std::logic_error("a buffer was filled with the wrong number of values");
    runtime(device_).copy_from_host(data(), elements.data(), size_);
}

void GuardedBuffer::fill(std::span<const double> values) { upload(to_bytes(dtype_, values)); }

void GuardedBuffer::poison() { upload(std::vector<std::byte>(size_, std::byte{0xFF})); }

void GuardedBuffer::set(int64_t index, double value) {
    const std::vector<std::byte> element = to_bytes(dtype_, std::span(&value, 1));
    runtime(device_).copy_from_host(memory_ + begin_ + static_cast<size_t>(index) * size_of(dtype_),
                                    element.data(), element.size());
}

std::vector<std::byte> GuardedBuffer::bytes() const {
    std::vector<std::byte> elements(size_);
    runtime(device_).copy_to_host(elements.data(), data(), size_);
    return elements;
}

std::vector<double> GuardedBuffer::values() const { return to_values(dtype_, bytes()); }

std::string GuardedBuffer::damage() const {
    const std::vector<std::byte> zone = guard();
    std::vector<std::byte> front(begin_), back(behind_);
    runtime(device_).copy_to_host(front.data(), memory_, begin_);
    runtime(device_).copy_to_host(back.data(), memory_ + begin_ + size_, behind_);
    const int64_t before = count_changed(front, std::span(zone).last(begin_));
    const int64_t after = count_changed(back, std::span(zone).first(behind_));
    std::string text;
    if (before > 0) text = fmt::format("{} bytes before its start were overwritten", before);
    if (after > 0) {
        text += fmt::format("{}{} bytes past its end were overwritten", text.empty() ? "" : " and ", after);
    }
    return text;
}

std::vector<double> rounded_to(DType dtype, std::vector<double> values) {
    if (dtype == DType::f64) return values;
    return to_values(dtype, to_bytes(dtype, values));
}

}  // namespace vitrine::gradcheck
