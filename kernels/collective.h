// What the processes of a run say to one another. All of them call the same functions in the same order, and each waits for
// those that it talks to. Everything lies in the host's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

namespace vitrine {

/// A process was waited for longer than set_patience() allows, and the sentence says which; or it cannot be reached.
struct AbsentProcess : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Another process has ended all of them (end_all), and has told why: this one ends without a word, with this exit code.
struct EndedElsewhere {
    int code = 1;
};

/// Any of its functions that waits may throw EndedElsewhere.
class Collective {
  public:
    virtual ~Collective() = default;

    /// This process is one of ranks(), counted from 0.
    virtual int rank() const = 0;
    virtual int ranks() const = 0;
    /// Its number among those of its machine, counted from 0.
    virtual int number_on_machine() const = 0;
    /// How many cores this process should keep busy, its share of those that others of them may run on, too. At least 1.
    virtual int cores() const = 0;
    /// From now on none of the functions below waits any longer for another process: they throw AbsentProcess, and no call
    /// after that but end_all() is of use. At first they wait for ever.
    virtual void set_patience(double seconds) = 0;
    /// All the time that this process has waited in the functions below, in which it could have computed: in the thread that has
    /// joined, and what other threads of it say.
    virtual double waited_seconds() const = 0;
    virtual void count_as_waited(double seconds) = 0;
    /// Whether any thread may call the functions below, one at a time.
    virtual bool any_thread() const = 0;
    /// From any thread: whoever waits in one of them throws AbsentProcess, and no call after that but end_all() is of use.
    virtual void give_up() = 0;

    virtual void send(std::span<const std::byte> data, int to) = 0;
    virtual void receive(std::span<std::byte> data, int from) = 0;
    /// `data` becomes what it is in the process `from`.
    virtual void broadcast(std::span<std::byte> data, int from) = 0;
    /// `parts` are ranks() of equal size: part r becomes what it is in process r.
    virtual void gather(std::span<std::byte> parts) = 0;
    /// The largest value that a process has given.
    virtual int64_t largest(int64_t value) = 0;
    /// Waits for all processes, but no longer than that. False where one has not come: no call after that is of use.
    virtual bool meet(double seconds) = 0;
    /// For who has waited for another process elsewhere, longer than set_patience() allows: asks all of them, and throws
    /// AbsentProcess, which names those that do not say within seconds that they wait, too.
    [[noreturn]] virtual void throw_absent() = 0;
    virtual double patience() const = 0;
    /// Waits for another process to end all of them, but no longer than that: its exit code. Nothing where none has, or where it is the
    /// launcher that ends the others.
    virtual std::optional<int> ended_within(double seconds);
    /// Ends all processes at once, this one too, with this exit code.
    [[noreturn]] virtual void end_all(int code) = 0;
};

/// The sentence of AbsentProcess for those that did not say that they wait: their numbers with commas between, or "" where all did.
std::string no_answer(double patience_seconds, const std::string& processes);

/// A process by itself: nobody to talk to.
Collective& alone();

}  // namespace vitrine
