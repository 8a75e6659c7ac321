// Host code that touches the device's memory ends the program with a sentence.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "kernels/running_kernel.h"
#include "kernels/simt/host_compat.h"
#include "tests/simt/child.h"
#include "tests/simt/defects.h"
#include "tests/simt/support.h"

using namespace vitrine;
using namespace vitrine::simt;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

void check_told(const ChildEnding& ending, const std::string& what) {
    CHECK(ending.code == 128 + SIGSEGV);
    CHECK_MESSAGE(contains(ending.err, what), ending.err);
    CHECK_MESSAGE(contains(ending.err, "on a GPU only kernels and copies can"), ending.err);
}

int read_int(const int* pointer) { return *static_cast<const volatile int*>(pointer); }
void write_int(int* pointer) { *static_cast<volatile int*>(pointer) = 1; }

}  // namespace

TEST_CASE("a host pointer into the device's memory ends the program, naming buffer and offset") {
    const Buffer<int> values(std::vector<int>{1, 2, 3, 4, 5});
    const ChildEnding read = ending_of_child([&] { read_int(values.data() + 3); });
    check_told(read, fmt::format("the device's memory at {}, byte 12 of a buffer of 20 bytes",
                                 fmt::ptr(values.data() + 3)));
#ifdef __x86_64__
    CHECK_MESSAGE(contains(read.err, "simt: host code reads"), read.err);
    check_told(ending_of_child([&] { write_int(values.data()); }), "host code writes");
#endif
    const ChildEnding inside = ending_of_child([&] {
        const RunningKernelScope running("add_forward", "packs");
        read_int(values.data());
    });
    check_told(inside, "host code of add_forward, implementation packs,");
#ifndef __SANITIZE_ADDRESS__
    // Behind the buffer, in front of it, in one that is gone: address sanitizer's red zones, where that is in
    // use.
    check_told(ending_of_child([&] { read_int(values.data() + 5); }), "past the end of a buffer of 20 bytes");
    check_told(ending_of_child([&] { read_int(values.data() - 1); }),
               "before the beginning of a buffer of 20 bytes");
    auto* const gone = static_cast<int*>(allocate(40));
    release(gone);
    check_told(ending_of_child([&] { read_int(gone); }), "the device's memory at");
#endif
}

TEST_CASE("it is closed again after launches, copies, allocations, findings, on every thread") {
    const Buffer<int> values(128);
    const auto closed = [&] { check_told(ending_of_child([&] { read_int(values.data()); }), "byte 0 of"); };
    test::write_own(values.data());
    closed();
    CHECK(values.values()[100] == 100);
    closed();
    release(allocate(1 << 22));
    closed();
    CHECK_THROWS_AS(copy(values.data(), values.data() + 100, 1000), Error);
    closed();
    CHECK_THROWS_AS(test::barrier_in_a_branch(), Error);
    closed();
    {
        const SettingsScope several({.threads = 4});
        std::vector<int> many(20000);
        const Buffer<int> from(many);
        const Buffer<int> to(many.size());
        test::read_all_write_own(from.data(), to.data());
    }
    closed();
    check_told(ending_of_child([&] { std::thread([&] { read_int(values.data()); }).join(); }), "byte 0 of");
}

TEST_CASE("a library call opens it, after what its stream was asked for") {
    const Buffer<int> values(4);
    const std::vector<int> given{1, 2, 3, 4};
    REQUIRE(cudaMemcpyAsync(values.data(), given.data(), 16, cudaMemcpyHostToDevice, nullptr) == cudaSuccess);
    {
        const LibraryCall call(nullptr);
        CHECK(std::accumulate(values.data(), values.data() + 4, 0) == 10);
        {
            const LibraryCall another(nullptr);
            values.data()[0] = 7;
        }
        CHECK(values.data()[0] == 7);
    }
    check_told(ending_of_child([&] { read_int(values.data()); }), "byte 0 of");
    CHECK(values.values()[0] == 7);
}

TEST_CASE("threads may copy and launch at the same time") {
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 50; ++i) {
                const Buffer<int> values(std::vector<int>(128, t));
                wrong += values.values() != std::vector<int>(128, t);
                test::write_own(values.data());
                wrong += values.values()[77] != 77;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
}

TEST_CASE("a fault elsewhere is nobody's of ours") {
    void* const page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const Buffer<int> values(1);
    const ChildEnding ending = ending_of_child([&] { read_int(static_cast<int*>(page)); });
    CHECK(ending.code != 0);
    CHECK_FALSE(contains(ending.err, "the device's memory"));
    munmap(page, 4096);
}
