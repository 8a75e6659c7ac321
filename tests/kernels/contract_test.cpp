// The contract around the kernels: devices, tables, forced implementations, scratch memory, gradients.

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernels/error.h"
#include "kernels/kernels.h"
#include "kernels/preferred.h"
#include "kernels/runtime.h"
#include "tests/error_of.h"

using namespace vitrine;

TEST_CASE("device: every name leads back to its device, and a wrong one to an error that lists them") {
    for (const Device device : all_devices) CHECK(device_from_name(name_of(device)) == device);
    const std::string message = error_of([] { device_from_name("tpu"); });
    CHECK(contains(message, "tpu"));
    for (const Device device : all_devices) CHECK(contains(message, name_of(device)));
}

TEST_CASE("kernels: on every device each kernel has its own name and at least one implementation") {
    for (const Device device : {Device::reference, Device::cpu}) {
        std::set<std::string> kernels_seen;
        for_each_kernel(device, [&](const auto& kernel) {
            CHECK(kernel.device == device);
            CHECK(kernels_seen.insert(kernel->name()).second);
            CHECK(!kernel->implementations().empty());
            std::set<std::string> implementations;
            for (const auto& implementation : kernel->implementations()) {
                CHECK_MESSAGE(implementations.insert(implementation.name).second, kernel->name());
            }
        });
        std::set<std::string> listed;
#define KERNEL(name, Args) listed.insert(#name);
#include "kernels/kernels.def"
#undef KERNEL
        CHECK(kernels_seen == listed);
    }
}

TEST_CASE("force_implementation: what does not exist is named, with what there is") {
    const auto force = [](const char* assignment) {
        return error_of([&] { force_implementation(Device::cpu, assignment); });
    };
    CHECK(contains(force("depthwise_conv"), "op=implementation"));
    CHECK(contains(force("teleport=direct"), "no op 'teleport'"));
    CHECK(contains(force("teleport=direct"), "linear_forward"));
    CHECK(contains(force("linear=magic"), "no implementation 'magic'"));
    CHECK(contains(force("linear=magic"), "onednn"));
    CHECK(forced_implementation(Device::cpu, "linear_forward").empty());
}

TEST_CASE("force_implementation: a short name forces both passes, an empty one lifts it") {
    force_implementation(Device::reference, "linear=loops");
    CHECK(forced_implementation(Device::reference, "linear_forward") == "loops");
    CHECK(forced_implementation(Device::reference, "linear_backward") == "loops");
    CHECK(forced_implementation(Device::cpu, "linear_forward").empty());
    force_implementation(Device::reference, "linear_backward=");
    CHECK(forced_implementation(Device::reference, "linear_forward") == "loops");
    CHECK(forced_implementation(Device::reference, "linear_backward").empty());
    force_implementation(Device::reference, "linear=");
    CHECK(forced_implementation(Device::reference, "linear_forward").empty());
}

TEST_CASE("a preferred implementation runs wherever it takes the arguments, after those that are forced") {
    const auto chosen = [](DType dtype) {
        LinearForward args;
        args.dtype = dtype;
        args.rows = args.in_features = args.out_features = 4;
        return std::string(kernels(Device::cpu).linear_forward->choose(args, Device::cpu).name);
    };
    const std::string own = chosen(DType::f32);
    REQUIRE(own != "onednn");
    force_implementation(Device::cpu, "onednn");
    CHECK(chosen(DType::f32) == "onednn");
    CHECK(chosen(DType::f64) == own);  // oneDNN has no f64
    CHECK(forced_implementation(Device::cpu, "linear_forward").empty());
    CHECK(preferred_implementations(Device::reference).empty());
    force_implementation(Device::cpu, "onednn,linear_forward=" + own);
    CHECK(preferred_implementations(Device::cpu).size() == 1);
    CHECK(chosen(DType::f32) == own);
    force_implementation(Device::cpu, "linear=");
    prefer_implementations(Device::cpu, {});
    CHECK(chosen(DType::f32) == own);
}

TEST_CASE("force_implementation: a name without an op that no kernel has is named, with those there are") {
    for (const char* wrong : {"magic", "", "onednn,magic", "onednn,"}) {
        CAPTURE(wrong);
        const std::string message = error_of([&] { force_implementation(Device::cpu, wrong); });
        CHECK(contains(message, "no kernel on device cpu has such an implementation"));
        CHECK(contains(message, "onednn"));
        prefer_implementations(Device::cpu, {});
    }
}

TEST_CASE("kernel: the first implementation that accepts is chosen, and all refusals are told") {
    using List = std::array<Implementation<AddForward>, 2>;
    static constexpr List list{
        {{"never", [](const AddForward&) { return "it never does"; }, nullptr},
         {"odd", [](const AddForward& args) { return args.count % 2 == 1 ? nullptr : "even"; }, nullptr}}};
    const Kernel<AddForward> kernel{"some_kernel", list};
    AddForward args;
    args.count = 3;
    CHECK(std::string(kernel.choose(args, Device::reference).name) == "odd");
    args.count = 4;
    const std::string message = error_of([&] { kernel.choose(args, Device::reference); });
    CHECK(contains(message, "some_kernel"));
    CHECK(contains(message, "it never does"));
    CHECK(contains(message, "even"));
}

TEST_CASE("the simt device is part of every build, with an implementation of every kernel") {
    CHECK(kernels(Device::simt).add_forward.device == Device::simt);
    for_each_kernel(Device::simt, [](const auto& kernel) {
        CHECK_MESSAGE(!kernel->implementations().empty(), kernel->name());
    });
}

TEST_CASE("call observers: all of this thread are told of each call that came back, and of no other") {
    std::array<float, 6> a{1, 2, 3, 4, 5, 6}, y{};
    const AddForward add{.dtype = DType::f32, .count = 6, .a = a.data(), .b = a.data(), .y = y.data()};
    std::vector<KernelCall> outer, inner;
    const auto keep_in = [](std::vector<KernelCall>& calls) {
        return [&calls](const KernelCall& call) { calls.push_back(call); };
    };
    CHECK(!CallObserver::watching());
    {
        const CallObserver first(keep_in(outer));
        kernels(Device::reference).add_forward(add);
        {
            const CallObserver second(keep_in(inner));
            kernels(Device::cpu).add_forward(add);
            force_implementation(Device::cpu, "linear=onednn");
            CHECK_THROWS_AS(kernels(Device::cpu).linear_forward({.dtype = DType::f64}), Error);
            force_implementation(Device::cpu, "linear=");
        }
        std::thread([&] { kernels(Device::cpu).add_forward(add); }).join();
    }
    kernels(Device::cpu).add_forward(add);
    REQUIRE(outer.size() == 2);
    REQUIRE(inner.size() == 1);
    CHECK(outer[0].device == Device::reference);
    CHECK(outer[1].device == Device::cpu);
    CHECK(std::string(inner[0].kernel) == "add_forward");
    CHECK(inner[0].least.bytes_read == 2 * 24);
    CHECK(inner[0].least.bytes_written == 24);
    CHECK(inner[0].least.flops == 0);
}

TEST_CASE("scratch: the same blocks come again after a reset, and nothing is allocated any more") {
    Scratch scratch(Device::reference);
    void* first = scratch.take(1000);
    void* second = scratch.take(5000);
    CHECK(first != second);
    CHECK(reinterpret_cast<uintptr_t>(first) % 256 == 0);
    CHECK(reinterpret_cast<uintptr_t>(second) % 256 == 0);
    const size_t held = scratch.bytes_held();
    CHECK(held >= 6000);
    for (int call = 0; call < 3; ++call) {
        scratch.reset();
        CHECK(scratch.take(1000) == first);
        CHECK(scratch.take(4000) == second);
        CHECK(scratch.bytes_held() == held);
    }
    scratch.reset();
    scratch.take(2000);
    CHECK(scratch.bytes_held() == held + 1000);
}

TEST_CASE("scratch: what a graph may use stays where it is, however much others need") {
    Scratch scratch(Device::reference);
    auto* const small = static_cast<unsigned char*>(scratch.take(100));
    small[0] = 7;
    {
        const Scratch::Kept kept(scratch);
        scratch.reset();
        CHECK(scratch.take(size_t{1} << 20) != small);
        CHECK(small[0] == 7);  // the address sanitizer would say otherwise
    }
    scratch.reset();
    CHECK(scratch.bytes_held() == size_t{1} << 20);
}

TEST_CASE("GradientWriter: writes, adds, or says that nobody wants it") {
    std::array<float, 2> buffer{1, 2};
    GradientWriter<float>({buffer.data(), GradMode::write})(0, 5);
    GradientWriter<float>({buffer.data(), GradMode::accumulate})(1, 5);
    CHECK(buffer == std::array<float, 2>{5, 7});
    CHECK(!GradientWriter<float>(Gradient{}));
    CHECK(static_cast<bool>(GradientWriter<float>({buffer.data(), GradMode::write})));
}
