// Tasks over several processes: for a device whose state belongs to the whole process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace vitrine::gradcheck {

using Message = std::vector<uint8_t>;

/// Thrown by a task that has spoiled its process for all others: it is run again in a new one.
struct SpentProcess {
    Message message;
};

struct ProcessTasks {
    size_t count = 0;
    std::function<Message(size_t task)> run;                       // in a child
    std::function<void(size_t task, Message)> take;                // here, in the order of the tasks
    std::function<Message(size_t task, const std::string&)> lost;  // here, for a task whose child died: why
    std::function<void(size_t task, const Message&)> spent{};      // here, before such a task is run again
};

/// Forks `processes` children that run the tasks as they come. Children inherit everything that there is when
/// they are started, so no other thread may be running. Throws Error if a task throws (with its sentence) or
/// if there can be no more processes.
void run_in_processes(const ProcessTasks& tasks, int processes);

}  // namespace vitrine::gradcheck
