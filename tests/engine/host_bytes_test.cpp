// Bytes that a device's copies read: sent as they are when the copy happens, moved with their memory, grown.

#include "engine/host_bytes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/tensor.h"

using namespace vitrine;

namespace {

HostBytes filled(HostBytes bytes, size_t size, uint8_t value) {
    bytes.resize(size);
    std::ranges::fill(bytes, value);
    return bytes;
}

Tensor room(int64_t bytes, Device device) { return Tensor::empty({bytes}, {DType::u8, device}); }

}  // namespace

TEST_CASE("bytes arrive, from ordinary and from pinned memory, whole and in parts") {
    for (const Device device : {Device::cpu, Device::simt}) {
        for (const bool pinned : {false, true}) {
            HostBytes bytes = filled(pinned ? HostBytes(device) : HostBytes(), 300, 7);
            bytes.data()[200] = 9;
            const Tensor whole = room(300, device), part = room(100, device);
            bytes.send(device, whole.data(), 0, 300);
            bytes.send(device, part.data(), 200, 100);
            bytes.wait();
            std::ranges::fill(bytes, uint8_t{1});
            std::vector<uint8_t> expected(300, 7);
            expected[200] = 9;
            CHECK(whole.to_host<uint8_t>() == expected);
            CHECK(part.to_host<uint8_t>() == std::vector<uint8_t>(expected.begin() + 200, expected.end()));
            CHECK_THROWS_AS(bytes.send(device, part.data(), 201, 100), std::logic_error);
        }
    }
}

TEST_CASE("pinned bytes go up by themselves: who does not wait may change what is sent") {
    HostBytes bytes = filled(HostBytes(Device::simt), 100, 3);
    const Tensor to = room(100, Device::simt);
    bytes.send(Device::simt, to.data(), 0, 100);
    std::ranges::fill(bytes, uint8_t{4});
    CHECK(to.to_host<uint8_t>() == std::vector<uint8_t>(100, 4));
}

TEST_CASE("moved bytes take their memory along, and what is left is empty") {
    HostBytes first = filled(HostBytes(Device::simt), 100, 3), second = filled(HostBytes(), 50, 5);
    const uint8_t *of_first = first.data(), *of_second = second.data();
    std::swap(first, second);
    CHECK(first.data() == of_second);
    CHECK(!first.device());
    CHECK(second.data() == of_first);
    CHECK(second.device() == Device::simt);
    CHECK(second.size() == 100);
    const HostBytes third = std::move(second);
    CHECK(second.empty());
    CHECK(third.data() == of_first);
}

TEST_CASE("bytes that shrink, or grow a little again, stay where they are") {
    HostBytes bytes(Device::simt);
    bytes.resize(1000);
    bytes.resize(1010);
    const uint8_t* const memory = bytes.data();
    for (const size_t size : {1100U, 10U, 1130U}) {
        bytes.resize(size);
        CHECK(bytes.size() == size);
        CHECK(bytes.data() == memory);
    }
    bytes.clear();
    CHECK(bytes.empty());
}
