// Several processes of a test program, which find each other by variables of the environment: as a launcher's do, without one.
//
//     LinkedProcesses processes;      // in each of those that run_linked() starts
#pragma once

#include <limits>
#include <string>

#include "kernels/collective.h"
#include "tests/vendor/stand_in/nccl_links.h"

namespace vitrine::tests {

/// Runs a test case of a program in so many processes, and returns all that they print, one after the other: of a process that
/// takes longer than so many seconds with "it hangs" behind it.
std::string run_linked(int processes, const std::string& program, const std::string& test_case, int seconds,
                       const std::string& variables);

class LinkedProcesses final : public Collective {
  public:
    LinkedProcesses();

    int rank() const override { return rank_; }
    int ranks() const override { return ranks_; }
    int number_on_machine() const override { return rank_; }
    int cores() const override { return 1; }
    void set_patience(double seconds) override { patience_ = seconds; }
    double patience() const override { return patience_; }
    double waited_seconds() const override { return 0.0; }
    void count_as_waited(double) override {}
    bool any_thread() const override { return true; }
    void give_up() override {}
    void send(std::span<const std::byte> data, int to) override;
    void receive(std::span<std::byte> data, int from) override;
    void broadcast(std::span<std::byte> data, int from) override;
    void gather(std::span<std::byte> parts) override;
    int64_t largest(int64_t value) override;
    bool meet(double seconds) override;
    [[noreturn]] void throw_absent() override;
    [[noreturn]] void end_all(int code) override;

  private:
    int rank_, ranks_;
    stand_in::Links links_;
    double patience_ = std::numeric_limits<double>::infinity();
};

}  // namespace vitrine::tests
