// The pool: freed memory is reused, and a training step stops asking the device after the first time.

#include "engine/memory.h"

#include <doctest/doctest.h>

#include <array>
#include <memory>

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "engine/tensor.h"

using namespace vitrine;

TEST_CASE("freed memory serves the next request of its size") {
    void* first = nullptr;
    {
        const auto memory = allocate(Device::cpu, 10'000);
        first = memory.get();
    }
    const size_t requests = memory_statistics(Device::cpu).device_requests;
    const auto again = allocate(Device::cpu, 10'000);
    CHECK(again.get() == first);
    CHECK(memory_statistics(Device::cpu).device_requests == requests);
}

TEST_CASE("statistics follow what is in use, and pooled memory can be given back") {
    release_pooled_memory(Device::reference);
    const MemoryStatistics before = memory_statistics(Device::reference);
    {
        const auto memory = allocate(Device::reference, size_t{1} << 20);
        const MemoryStatistics during = memory_statistics(Device::reference);
        CHECK(during.bytes_in_use == before.bytes_in_use + (size_t{1} << 20));
        CHECK(during.bytes_peak >= during.bytes_in_use);
    }
    CHECK(memory_statistics(Device::reference).bytes_in_use == before.bytes_in_use);
    release_pooled_memory(Device::reference);
    CHECK(memory_statistics(Device::reference).bytes_held == before.bytes_held);
}

TEST_CASE("forward and backward ask the device for nothing new after the first time") {
    const Placement placement{DType::f32, Device::reference};
    Tensor weight = Tensor::zeros({8, 5}, placement);
    weight.require_gradient();
    const Tensor x = Tensor::zeros({4, 5}, placement);
    const auto step = [&] {
        weight.slot()->clear();
        Tape tape;
        const Recording recording(tape);
        const Tensor y = ops::relu(ops::linear(x, weight, {}));
        const std::vector<int32_t> labels{0, 1, 2, 3};
        const Tensor target = Tensor::from_host(labels, {4}, {DType::i32, Device::reference});
        tape.backward(ops::softmax_cross_entropy(ops::add(y, y), target, 0.1));
    };
    step();
    const size_t requests = memory_statistics(Device::reference).device_requests;
    for (int i = 0; i < 3; ++i) step();
    CHECK(memory_statistics(Device::reference).device_requests == requests);
}

TEST_CASE("planned memory is its owner's alone, is found again, and goes to the pool in the end") {
    const auto requests = [] { return memory_statistics(Device::reference).device_requests; };
    const auto addresses = [] {
        const auto a = allocate(Device::reference, 3000), b = allocate(Device::reference, size_t{3} << 20);
        const auto c = allocate(Device::reference, 3000);
        return std::array{a.get(), b.get(), c.get()};
    };
    release_pooled_memory(Device::reference);
    const size_t in_use = memory_statistics(Device::reference).bytes_in_use;
    std::shared_ptr<void> outlives;
    std::array<void*, 3> planned{};
    {
        const PlannedMemory memory(Device::reference);
        {
            const PlannedMemory::Use use(memory);
            planned = addresses();
            CHECK(memory.device_requests() == 3);
            CHECK(addresses() == planned);
            CHECK(memory.device_requests() == 3);
            outlives = allocate(Device::reference, 100);
            static_cast<void>(allocate(Device::cpu, 100));  // another device's is its own business
        }
        CHECK(memory.device_requests() == 4);
        const size_t before = requests();
        const auto other = allocate(Device::reference, 3000);
        CHECK(requests() == before + 1);  // what waits there is not for others
        release_pooled_memory(Device::reference);
        const PlannedMemory::Use use(memory);
        CHECK(addresses() == planned);
        CHECK(memory.device_requests() == 4);
    }
    const size_t before = requests();
    void* const address = outlives.get();
    outlives.reset();
    CHECK(allocate(Device::reference, 100).get() == address);
    CHECK(allocate(Device::reference, size_t{3} << 20).get() == planned[1]);
    CHECK(requests() == before);
    CHECK(memory_statistics(Device::reference).bytes_in_use == in_use);
}
