// Defects of the host's side of the device: copies that nobody waits for, on streams that have nothing to do
// with each other. The executor makes every copy as late as CUDA may, so that each of them shows.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "kernels/kernels.h"
#include "kernels/simt/memory.h"
#include "tests/mutants/mutants.h"
#include "tests/mutants/pattern.h"
#include "tests/mutants/planting.h"

using namespace vitrine;

namespace {

constexpr size_t mebibyte = size_t{1} << 20;

/// What the runtime does wrong, in clauses.
class RuntimeTrial {
  public:
    explicit RuntimeTrial(const Runtime& runtime) : runtime_(runtime) {}
    ~RuntimeTrial() {
        simt::release(nullptr);  // everything that is still on its way arrives while there is room for it
        for (void* memory : buffers_) runtime_.release(memory);
        for (void* memory : pinned_) runtime_.pinned.release(memory);
    }
    RuntimeTrial(const RuntimeTrial&) = delete;
    RuntimeTrial& operator=(const RuntimeTrial&) = delete;

    std::string said() {
        upload_back_to_back();
        upload_much();
        upload_round_the_ring();
        fill_a_pinned_block_again();
        use_the_lane();
        copy_and_zero();
        count_released();
        launch_after_refusal();
        return said_;
    }

  private:
    void* allocate(size_t bytes) { return buffers_.emplace_back(runtime_.allocate(bytes)); }

    void* upload(const Bytes& bytes) {
        void* const memory = allocate(bytes.size());
        runtime_.copy_from_host(memory, bytes.data(), bytes.size());
        return memory;
    }

    /// As the host sees the memory the moment that the call returns.
    Bytes download(const void* memory, size_t size) {
        Bytes& target = downloads_.emplace_back(size);
        runtime_.copy_to_host(target.data(), memory, size);
        return target;
    }

    /// By the executor's own copies, which wait for everything.
    Bytes arrived(const void* memory, size_t size) {
        Bytes bytes(size);
        simt::copy_to_host(bytes.data(), memory, size);
        return bytes;
    }

    void expect(bool right, const char* clause) {
        if (!right) said_ += std::string(clause) + "; ";
    }

    /// More of them than there are pinned buffers.
    void upload_back_to_back() {
        std::array<void*, 5> memory{};
        for (size_t i = 0; i < memory.size(); ++i) memory[i] = upload(pattern(1000, static_cast<int>(i)));
        expect(download(memory[4], 1000) == pattern(1000, 4), "a download has not arrived");
        for (size_t i = 0; i < memory.size(); ++i) {
            expect(arrived(memory[i], 1000) == pattern(1000, static_cast<int>(i)),
                   "an upload holds the bytes of a later one");
        }
    }

    void upload_much() {
        const Bytes bytes = pattern(20 * mebibyte + 12345, 9);
        expect(arrived(upload(bytes), bytes.size()) == bytes, "a large upload holds other bytes");
    }

    /// In parts of many sizes: often something from the round before is still at the ring's end.
    void upload_round_the_ring() {
        std::vector<void*> memory;
        std::vector<Bytes> sent;
        for (int i = 0; i < 24; ++i) {
            sent.push_back(
                pattern(static_cast<size_t>(1 + i * 5 % 8) * mebibyte - static_cast<size_t>(100 * i), i));
            memory.push_back(upload(sent.back()));
        }
        for (size_t i = 0; i < sent.size(); ++i)
            expect(arrived(memory[i], sent[i].size()) == sent[i], "an upload holds the bytes of a later one");
    }

    uint8_t* pinned(size_t bytes) {
        return static_cast<uint8_t*>(pinned_.emplace_back(runtime_.pinned.allocate(bytes)));
    }

    void send(void* to, uint8_t* block, const Bytes& bytes) {
        runtime_.pinned.wait(block);
        std::ranges::copy(bytes, block);
        runtime_.pinned.send(to, block, 0, bytes.size());
    }

    void fill_a_pinned_block_again() {
        uint8_t* const block = pinned(1000);
        std::array<void*, 3> memory{};
        for (size_t i = 0; i < memory.size(); ++i)
            send(memory[i] = allocate(1000), block, pattern(1000, static_cast<int>(i)));
        void* const part = allocate(300);
        runtime_.pinned.send(part, block, 700, 300);
        for (size_t i = 0; i < memory.size(); ++i)
            expect(arrived(memory[i], 1000) == pattern(1000, static_cast<int>(i)),
                   "a pinned block was sent as it was later");
        const Bytes whole = pattern(1000, 2);
        expect(arrived(part, 300) == Bytes(whole.begin() + 700, whole.end()), "another part was sent");
    }

    /// The lane overwrites what the first stream was asked for before, and the first stream reads what the lane wrote.
    void use_the_lane() {
        uint8_t* const block = pinned(1000);
        void* const memory = upload(pattern(1000, 1));
        runtime_.input_lane.open();
        send(memory, block, pattern(1000, 2));
        runtime_.input_lane.close();
        runtime_.pinned.wait(block);
        runtime_.input_lane.join();
        void* const copy = allocate(1000);
        runtime_.copy(copy, memory, 1000);
        expect(download(copy, 1000) == pattern(1000, 2), "the lane was ahead of what it came behind");
        runtime_.input_lane.open();
        send(memory, block, pattern(1000, 3));
        runtime_.input_lane.close();
        runtime_.input_lane.join();
        runtime_.copy(copy, memory, 1000);
        expect(download(copy, 1000) == pattern(1000, 3), "the first stream was ahead of the lane");
    }

    void copy_and_zero() {
        void* const from = upload(pattern(500, 1));
        void* const to = allocate(500);
        runtime_.copy(to, from, 500);
        runtime_.zero(from, 500);
        expect(download(to, 500) == pattern(500, 1), "a copy inside of the device is not in its place");
        expect(download(from, 500) == Bytes(500, 0), "zeros are not in their place");
    }

    std::string refusal() {
        try {
            runtime_.release(runtime_.allocate(size_t{1} << 50));
        } catch (const Error& error) {
            return error.what();
        }
        return "nothing";
    }

    void count_released() {
        const std::string before = refusal();
        runtime_.release(runtime_.allocate(64 * mebibyte));
        expect(refusal() == before, "released memory is still counted as held");
    }

    void launch_after_refusal() {
        refusal();
        auto* const x = static_cast<float*>(upload(Bytes(400, 0)));
        try {
            kernels(Device::simt).add_forward({.dtype = DType::f32, .count = 100, .a = x, .b = x, .y = x});
        } catch (const Error&) {
            expect(false, "a launch after a refused allocation throws");
        }
    }

    const Runtime& runtime_;
    std::vector<void*> buffers_, pinned_;
    std::vector<Bytes> downloads_;  // kept, for copies that come late
    std::string said_;
};

std::string said_against(const Runtime& runtime) { return RuntimeTrial(runtime).said(); }

}  // namespace

TEST_CASE("the host's side of the device without a defect passes what its mutants are tried with") {
    CHECK(said_against(runtime(Device::simt)) == "");
    for (const RuntimeMutant& mutant : runtime_mutants()) CHECK(said_against(mutant.runtime()) == "");
}

TEST_CASE("every planted defect of the host's side is caught, and by what should catch it") {
    CHECK(runtime_mutants().size() >= 10);
    for (const RuntimeMutant& mutant : runtime_mutants()) {
        const Planted defect(mutant.number);
        const std::string said = said_against(mutant.runtime());
        CHECK_MESSAGE(said.find(mutant.caught_by) != std::string::npos, mutant.name, " (", mutant.what,
                      ") is not caught; it is said: ", said.empty() ? "nothing" : said);
    }
}
