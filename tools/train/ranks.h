// The processes of a run that train together, as train sees them: the first one writes and speaks, the others compute beside it.
//
//     return run_together(processes, [&](Ranks& ranks) { … ranks.begin(); … return 0; });
//
// Until begin() anything may be refused, by one of them or by all: it is then told once, and all end. After it, they meet in each
// step, so a process that fails ends the others.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "kernels/collective.h"

namespace vitrine::train {

class Ranks {
  public:
    explicit Ranks(Collective& processes) : processes_(processes) {}

    Collective& processes() { return processes_; }
    int count() const { return processes_.ranks(); }
    bool several() const { return count() > 1; }
    bool is_first() const { return processes_.rank() == 0; }

    // Before begin(). Each of these waits for all, and ends this process quietly where another one has failed.

    void wait_for_all();
    /// In the first process before the others: what it leaves on the disk, they find there.
    template <class Make>
    auto first_then_others(Make make) {
        if (!is_first()) wait_for_all();
        auto made = make();
        if (is_first()) wait_for_all();
        return made;
    }
    std::string told_by_first(const std::string& text);
    /// A process whose bytes are others than the first one's; nothing where there is none.
    std::optional<int> other_than_first(const std::string& bytes);
    /// Throws Error, naming such a process.
    void require_same(const char* what, const std::string& bytes);
    /// From here on nobody is waited for any longer than that.
    void begin(double patience_seconds);

    struct Waited {
        double seconds = 0.0;  // in the mean of the processes
        int64_t least = 0;     // the process that has waited least
    };
    /// How long they have waited for each other since this.
    void start_waiting_clock() { waited_before_ = processes_.waited_seconds(); }
    Waited waited();

    /// The largest value that a process has given.
    int64_t largest(int64_t value) { return processes_.largest(value); }

  private:
    friend int run_together(Collective& processes, const std::function<int(Ranks&)>& body);

    struct Agreed {
        int process = 0;  // the first that has failed
        int code = 0;     // 0: none has
    };
    Agreed agree(int code);
    /// Of `body`, or of whatever it throws but AbsentProcess and EndedElsewhere.
    int agreed_code(const std::function<int(Ranks&)>& body);

    Collective& processes_;
    double waited_before_ = 0.0;
    bool begun_ = false;
};

/// Runs `body` in each of the processes and returns the exit code that all of them end with. Where there are several, an
/// exception ends here, and one of them tells it.
int run_together(Collective& processes, const std::function<int(Ranks&)>& body);

}  // namespace vitrine::train
