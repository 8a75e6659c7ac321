// Defects of the host's side of the device: copies that nobody waits for, on streams that have nothing to do
// with each other. The executor makes every copy as late as CUDA may, so that each of them shows.

#include <doctest/doctest.h>

#include <array>
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
    }
    RuntimeTrial(const RuntimeTrial&) = delete;
    RuntimeTrial& operator=(const RuntimeTrial&) = delete;

    std::string said() {
        upload_back_to_back();
        upload_much();
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
    std::vector<void*> buffers_;
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
