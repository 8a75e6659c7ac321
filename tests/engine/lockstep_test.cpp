// Shards side by side: in which order they run, what they find, and what becomes of those that wait when one of them throws.

#include "engine/step/lockstep.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "engine/autograd.h"
#include "engine/trace.h"

using namespace vitrine;

namespace {

Tensor number(double value) {
    return Tensor::from_host(std::vector<double>{value}, {1}, {DType::f64, Device::cpu});
}

/// Adds a letter to a text when it is destroyed.
struct Leaving {
    std::string& text;
    char letter;
    ~Leaving() { text += letter; }
};

}  // namespace

TEST_CASE("lockstep: one shard at a time, the first one first, and all find what all have left") {
    Lockstep lockstep(3, alone_on_device());
    std::string order;
    std::vector<std::vector<double>> found;
    const auto body = [&](int64_t place) {
        const double value = static_cast<double>(place);
        for (const double round : {10.0, 20.0}) {
            CHECK(lockstep.place() == place);
            CHECK(lockstep.shard() == place);
            order += static_cast<char>('a' + place);
            const Tensor table = lockstep.meet({number(round + value), number(-value)});
            CHECK(table.shape() == Shape{3, 2});
            found.push_back(table.to_host<double>());
        }
        order += static_cast<char>('A' + place);
    };
    for (int twice = 0; twice < 2; ++twice) lockstep.run(body);
    CHECK(order == "abcabcABCabcabcABC");
    for (size_t i = 0; i < 3; ++i) {
        CHECK(found[i] == std::vector<double>{10, 0, 11, -1, 12, -2});
        CHECK(found[3 + i] == std::vector<double>{20, 0, 21, -1, 22, -2});
    }
    CHECK(lockstep.place() == 0);
}

TEST_CASE("lockstep: what a shard puts in its place is there in its turns and nowhere else") {
    Lockstep lockstep(2, alone_on_device());
    int in_place = -1;
    std::vector<Tape> tapes(2);
    const ModuleScope outside("outside");
    lockstep.run(
        [&](int64_t place) {
            CHECK(current_module().empty());
            const Recording recording(tapes[static_cast<size_t>(place)]);
            const ModuleScope scope(place == 0 ? "first" : "second");
            for (int round = 0; round < 2; ++round) {
                CHECK(in_place == place);
                CHECK(current_module() == (place == 0 ? "first" : "second"));
                Tensor x = number(1.0);
                x.require_gradient();
                Tensor y = number(2.0);
                record("op", {x}, y, [](const Tensor&) {});
                lockstep.meet({y});
            }
        },
        [&](int64_t place) { in_place = in_place == -1 ? static_cast<int>(place) : -1; });
    CHECK(in_place == -1);
    CHECK(current_module() == "outside");
    CHECK(tapes[0].size() == 2);
    CHECK(tapes[1].size() == 2);
}

TEST_CASE("lockstep: an exception goes on to the caller, and those that wait are destroyed") {
    Lockstep lockstep(4, alone_on_device());
    std::string left;
    const auto body = [&](int64_t place) {
        const Leaving leaving{left, static_cast<char>('a' + place)};
        lockstep.meet({number(0.0)});
        if (place == 2) throw std::runtime_error("refused");
        lockstep.meet({number(0.0)});
    };
    for (int twice = 0; twice < 2; ++twice) {
        left.clear();
        CHECK_THROWS_WITH_AS(lockstep.run(body), "refused", std::runtime_error);
        CHECK(left == "cabd");
    }
    // Before others have begun, too: they do not.
    left.clear();
    CHECK_THROWS_AS(lockstep.run([&](int64_t place) {
        const Leaving leaving{left, static_cast<char>('a' + place)};
        throw std::runtime_error("refused");
    }),
                    std::runtime_error);
    CHECK(left == "a");
}

TEST_CASE("lockstep: shards that do not meet alike are a mistake") {
    Lockstep lockstep(2, alone_on_device());
    for (const int64_t silent : {0, 1}) {
        CHECK_THROWS_AS(lockstep.run([&](int64_t place) {
            if (place != silent) lockstep.meet({number(0.0)});
        }),
                        std::logic_error);
    }
    CHECK_THROWS_AS(lockstep.run([&](int64_t place) {
        if (place == 0)
            lockstep.meet({number(0.0)});
        else
            lockstep.meet({number(0.0), number(0.0)});
    }),
                    std::logic_error);
    CHECK_THROWS_AS(lockstep.meet({number(0.0)}), std::logic_error);
}
