// gradcheck must be able to fail in 16-bit types too: a linear layer that sums, rounds or reads as it should not.

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "lab/gradcheck/cases/list.h"

namespace {

using namespace vitrine;
using gradcheck::Line;
using gradcheck::Status;

/// What is said against `forward` in place of the reference's.
std::string verdict_on(void (*forward)(const LinearForward&, Context&)) {
    const Implementation<LinearForward> list[]{{"wrong", refuses_nothing, forward, StorageTypes::all}};
    const Kernel<LinearForward> kernel{"linear_forward", list};
    KernelTable table = kernels(Device::reference);
    table.linear_forward.kernel = &kernel;
    gradcheck::Selection forward_only;
    forward_only.kernel = [](std::string_view name) { return name == "linear_forward"; };
    std::string text;
    gradcheck::check({{"linear", gradcheck::linear_problems}}, table, kernels(Device::reference),
                     forward_only, [&](const Line& line) {
                         if (line.status == Status::failed) text += gradcheck::to_text(line) + "\n";
                     });
    return text;
}

bool says(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

/// What differs between the right layer and the wrong ones: how a sum goes on and how a result is stored.
template <class T>
struct Right {
    using Sum = Accumulate<T>;
    static Sum add(Sum sum, Sum term) { return sum + term; }
    static T stored(Sum sum) { return static_cast<T>(sum); }
};

template <class T>
struct SumsInItsOwnType : Right<T> {
    using Sum = Accumulate<T>;
    static Sum add(Sum sum, Sum term) { return static_cast<Sum>(static_cast<T>(sum + term)); }
};

/// Towards zero, where it should be to the nearest.
template <class T>
struct CutsOff : Right<T> {
    static T stored(Accumulate<T> sum) {
        if constexpr (is_half_type<T>) {
            const auto nearest = static_cast<T>(sum);
            const bool too_large = std::abs(static_cast<float>(nearest)) > std::abs(sum);
            return std::bit_cast<T>(static_cast<uint16_t>(nearest.bits - too_large));
        } else {
            return sum;
        }
    }
};

template <template <class> class How, class BiasType, class T>
void layer(const LinearForward& args) {
    const T *x = static_cast<const T*>(args.x), *weight = static_cast<const T*>(args.weight);
    const auto* bias = static_cast<const BiasType*>(args.bias);
    using A = Accumulate<T>;
    for (int64_t row = 0; row < args.rows; ++row) {
        for (int64_t out = 0; out < args.out_features; ++out) {
            A sum = bias == nullptr ? A(0) : static_cast<A>(bias[out]);
            for (int64_t in = 0; in < args.in_features; ++in)
                sum = How<T>::add(sum, static_cast<A>(x[row * args.in_features + in]) *
                                           static_cast<A>(weight[out * args.in_features + in]));
            static_cast<T*>(args.y)[row * args.out_features + out] = How<T>::stored(sum);
        }
    }
}

template <template <class> class How>
void run(const LinearForward& args, Context&) {
    dispatch_storage(args.dtype, [&]<class T>() { layer<How, Accumulate<T>, T>(args); });
}

}  // namespace

TEST_CASE("gradcheck passes a layer that sums 16-bit products in f32, so that what follows means something") {
    CHECK(verdict_on(run<Right>) == "");
}

TEST_CASE("gradcheck catches sums that are kept in bf16 or f16") {
    const std::string verdict = verdict_on(run<SumsInItsOwnType>);
    CHECK(says(verdict, "roundings of bf16"));
    CHECK(says(verdict, "roundings of f16"));
    CHECK(!says(verdict, "mean-square error"));  // of f32 and f64
}

TEST_CASE("gradcheck catches results that are cut off and not rounded") {
    const std::string verdict = verdict_on(run<CutsOff>);
    CHECK(says(verdict, "roundings of bf16"));
    CHECK(!says(verdict, "mean-square error"));
}

TEST_CASE("gradcheck catches an operand that is read in the wrong type") {
    const std::string verdict = verdict_on([](const LinearForward& args, Context&) {
        dispatch_storage(args.dtype, [&]<class T>() { layer<Right, T, T>(args); });
    });
    CHECK(says(verdict, "roundings of bf16"));
    CHECK(says(verdict, "roundings of f16"));
}
