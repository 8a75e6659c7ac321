// The shards of a batch side by side: see lockstep.h.

#include "engine/step/lockstep.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "engine/autograd.h"
#include "engine/step/fiber.h"

namespace vitrine {
namespace {

/// Wakes a shard whose batch has ended.
struct Abandoned {};

}  // namespace

struct Lockstep::Runner {
    explicit Runner(std::function<void()> body) : fiber(std::move(body)) {}

    Fiber fiber;
    OpContext ops{};
    std::exception_ptr failure{};
};

Lockstep::Lockstep(int64_t shards, DeviceCollective& processes)
    : processes_(processes),
      shards_(shards),
      here_(shards / processes.ranks()),
      first_(here_ * processes.rank()) {}

Lockstep::~Lockstep() = default;

void Lockstep::run(const Function& body, const Function& exchange) {
    const struct Ending {
        Lockstep& lockstep;
        ~Ending() { lockstep.abandon(); }
    } ending{*this};
    exchange_ = &exchange;
    for (int64_t place = 0; place < here_; ++place) {
        runners_.push_back(std::make_unique<Runner>([this, &body, place] {
            if (abandoned_) return;
            try {
                body(place);
            } catch (const Abandoned&) {
                // Somebody else's exception ended the batch.
            } catch (...) {
                runners_[static_cast<size_t>(place)]->failure = std::current_exception();
            }
        }));
    }
    while (advance()) complete_table();
}

/// All shards to the next meeting, or to their ends: then false.
bool Lockstep::advance() {
    for (int64_t place = 0; place < here_; ++place) {
        take_turn(place);
        if (const auto& failure = runners_[static_cast<size_t>(place)]->failure)
            std::rethrow_exception(failure);
    }
    const auto ended = std::ranges::count_if(runners_, [](const auto& each) { return each->fiber.ended(); });
    if (ended != 0 && ended != here_)
        throw std::logic_error("a shard has ended while another one waits for it");
    return ended == 0;
}

void Lockstep::take_turn(int64_t place) {
    Runner& runner = *runners_[static_cast<size_t>(place)];
    place_ = place;
    (*exchange_)(place);
    swap_op_context(runner.ops);
    runner.fiber.resume();
    swap_op_context(runner.ops);
    (*exchange_)(place);
    place_ = 0;
}

/// Whoever is still waiting is woken, to leave its stack.
void Lockstep::abandon() {
    abandoned_ = true;
    for (int64_t place = 0; place < std::ssize(runners_); ++place) {
        while (!runners_[static_cast<size_t>(place)]->fiber.ended()) take_turn(place);
    }
    abandoned_ = false;
    runners_.clear();
    leaving_ = {};
    left_ = {};
}

Tensor Lockstep::meet(std::initializer_list<Tensor> own) {
    if (abandoned_) throw Abandoned();
    if (runners_.empty()) throw std::logic_error("a shard by itself has nobody to meet");
    leave(own);
    runners_[static_cast<size_t>(place_)]->fiber.suspend();
    if (abandoned_) throw Abandoned();
    return left_;
}

void Lockstep::leave(std::initializer_list<Tensor> own) {
    int64_t count = 0;
    for (const Tensor& each : own) count += each.count();
    if (!leaving_.defined()) leaving_ = Tensor::empty({shards_, count}, own.begin()->placement());
    if (leaving_.shape()[1] != count) throw std::logic_error("shards that meet with different numbers");
    int64_t at = shard() * count;
    for (const Tensor& each : own) {
        leaving_.part(at, each.shape()).assign_copy(each);
        at += each.count();
    }
}

void Lockstep::complete_table() {
    left_ = std::exchange(leaving_, {});
    if (processes_.ranks() == 1) return;
    {
        const Beside beside(processes_);
        processes_.gather(left_.data(), left_.bytes() / static_cast<size_t>(processes_.ranks()));
    }
    processes_.join();
}

}  // namespace vitrine
