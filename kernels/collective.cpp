// A process by itself, and the words for those that are missed: see collective.h.

#include "kernels/collective.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <limits>
#include <stdexcept>
#include <thread>

#include "kernels/cores.h"

namespace vitrine {
namespace {

class Alone final : public Collective {
  public:
    int rank() const override { return 0; }
    int ranks() const override { return 1; }
    int number_on_machine() const override { return 0; }
    int cores() const override { return usable_cores(); }
    void set_patience(double) override {}
    double waited_seconds() const override { return 0.0; }
    void count_as_waited(double) override {}
    bool any_thread() const override { return true; }
    void give_up() override {}
    void send(std::span<const std::byte>, int) override { throw std::logic_error("nobody to send to"); }
    void receive(std::span<std::byte>, int) override { throw std::logic_error("nobody to hear from"); }
    void broadcast(std::span<std::byte>, int) override {}
    void gather(std::span<std::byte>) override {}
    int64_t largest(int64_t value) override { return value; }
    bool meet(double) override { return true; }
    [[noreturn]] void throw_absent() override { throw std::logic_error("nobody to wait for"); }
    double patience() const override { return std::numeric_limits<double>::infinity(); }
    [[noreturn]] void end_all(int code) override { ::_exit(code); }
};

}  // namespace

std::optional<int> Collective::ended_within(double seconds) {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    return std::nullopt;
}

std::string no_answer(double patience_seconds, const std::string& processes) {
    return fmt::format(
        "no answer for {:g} seconds from process {}: it hangs, or its machine or the way to it is gone",
        patience_seconds, processes.empty() ? "?" : processes);
}

Collective& alone() {
    static Alone collective;
    return collective;
}

}  // namespace vitrine
