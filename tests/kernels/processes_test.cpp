// Tasks over several processes, one of which may die.

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <string>

#include "kernels/error.h"
#include "lab/gradcheck/harness/outcome.h"
#include "lab/gradcheck/harness/processes.h"

using namespace vitrine;
using namespace vitrine::gradcheck;

namespace {

Message message(const std::string& text) { return {text.begin(), text.end()}; }

/// What is taken, in the order in which it is taken.
std::string taken(size_t count, int processes, const std::function<Message(size_t)>& run) {
    std::string all;
    run_in_processes({count, run,
                      [&](size_t task, const Message& m) {
                          all += std::to_string(task) + "=" + std::string(m.begin(), m.end()) + " ";
                      },
                      [](size_t, const std::string& why) { return message(why); }},
                     processes);
    return all;
}

}  // namespace

TEST_CASE("processes: results come in the order of the tasks, whoever is first") {
    const auto slow_first = [](size_t task) {
        if (task == 0) usleep(50'000);
        return message(std::to_string(task * task));
    };
    CHECK(taken(5, 3, slow_first) == "0=0 1=1 2=4 3=9 4=16 ");
    CHECK(taken(0, 2, slow_first).empty());
    const auto large = [](size_t) { return Message(1'000'000, 'x'); };
    CHECK(taken(3, 2, large).size() == 3 * 1'000'003);
}

TEST_CASE("processes: a child that dies is its task's failure, and the others go on") {
    const std::string all = taken(4, 1, [](size_t task) {
        if (task == 1) raise(SIGKILL);
        if (task == 2) _exit(3);
        return message("done");
    });
    CHECK(all.find("0=done") != std::string::npos);
    CHECK(all.find("1=the process was ended by signal 9") != std::string::npos);
    CHECK(all.find("2=the process ended with exit code 3") != std::string::npos);
    CHECK(all.find("3=done") != std::string::npos);
}

TEST_CASE("processes: what a task throws arrives") {
    CHECK_THROWS_WITH_AS(taken(2, 2,
                               [](size_t task) -> Message {
                                   if (task == 1) throw std::logic_error("the kettle is empty");
                                   return {};
                               }),
                         "the kettle is empty", Error);
}

TEST_CASE("outcome: nothing is lost on the way, not even a NaN") {
    Outcome outcome;
    Line line{"kernel", "implementation", "f32", "shape"};
    line.reference = Measure{std::numeric_limits<double>::infinity(), "y", {7, std::nan(""), 0.1}};
    line.fail("first");
    line.fail("second");
    outcome.lines = {line, {"other", "", "f64", "shape", Status::refused, "because"}};
    outcome.tally[{"kernel", "implementation"}] = 3;
    const Outcome copy = outcome_from_bytes(to_bytes(outcome));
    REQUIRE(copy.lines.size() == 2);
    CHECK(to_json(copy.lines[0]) == to_json(outcome.lines[0]));
    CHECK(to_json(copy.lines[1]) == to_json(outcome.lines[1]));
    CHECK(copy.lines[0].reference->worst.index == 7);
    CHECK(std::isnan(copy.lines[0].reference->worst.actual));
    CHECK(copy.tally == outcome.tally);
}
