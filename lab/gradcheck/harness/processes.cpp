// Tasks over several processes: see processes.h.

#include "lab/gradcheck/harness/processes.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <map>
#include <new>
#include <optional>

#include "kernels/error.h"

namespace vitrine::gradcheck {
namespace {

/// What a child says: that it starts a task, then what came of it.
struct Header {
    enum class Kind : uint64_t { started, done, threw, spent } kind;
    uint64_t task;
    uint64_t bytes;  // that follow
};

void send(int pipe, const void* data, size_t bytes) {
    const auto* at = static_cast<const char*>(data);
    while (bytes > 0) {
        const ssize_t written = write(pipe, at, bytes);
        if (written < 0) _exit(1);  // nobody listens any more
        at += written;
        bytes -= static_cast<size_t>(written);
    }
}

void send(int pipe, Header::Kind kind, size_t task, const Message& message) {
    const Header header{kind, task, message.size()};
    send(pipe, &header, sizeof(header));
    send(pipe, message.data(), message.size());
}

/// The next task, counted in memory that all processes share.
class SharedCounter {
  public:
    SharedCounter() {
        memory_ = mmap(nullptr, sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory_ == MAP_FAILED) throw Error("no memory can be shared between processes");
        new (memory_) Counter(0);
    }
    ~SharedCounter() { munmap(memory_, sizeof(Counter)); }
    SharedCounter(const SharedCounter&) = delete;
    SharedCounter& operator=(const SharedCounter&) = delete;

    size_t next() { return static_cast<Counter*>(memory_)->fetch_add(1); }

  private:
    using Counter = std::atomic<size_t>;
    void* memory_;
};

void run_task(const ProcessTasks& tasks, size_t task, int pipe) {
    send(pipe, Header::Kind::started, task, {});
    try {
        send(pipe, Header::Kind::done, task, tasks.run(task));
    } catch (const SpentProcess& spent) {
        send(pipe, Header::Kind::spent, task, spent.message);
        _exit(0);
    } catch (const std::exception& error) {
        const std::string what = error.what();
        send(pipe, Header::Kind::threw, task, Message(what.begin(), what.end()));
    }
}

/// The task that is run again, if any, and then whichever comes next.
[[noreturn]] void work(const ProcessTasks& tasks, std::optional<size_t> again, SharedCounter& counter,
                       int pipe) {
    if (again) run_task(tasks, *again, pipe);
    for (size_t task = counter.next(); task < tasks.count; task = counter.next()) {
        run_task(tasks, task, pipe);
    }
    _exit(0);  // without the parent's buffers and exit handlers
}

struct Child {
    pid_t process;
    int pipe;
    Message received{};
    std::optional<size_t> running{};
    std::optional<size_t> again{};  // a task that spoiled it
};

class Parent {
  public:
    Parent(const ProcessTasks& tasks, int processes) : tasks_(tasks) {
        std::fflush(nullptr);
        for (int i = 0; i < processes; ++i) start();
    }
    ~Parent() {
        for (const Child& child : children_) {
            close(child.pipe);
            waitpid(child.process, nullptr, 0);
        }
    }
    Parent(const Parent&) = delete;
    Parent& operator=(const Parent&) = delete;

    void run() {
        while (!children_.empty()) {
            std::vector<pollfd> pipes;
            for (const Child& child : children_) pipes.push_back({child.pipe, POLLIN, 0});
            if (poll(pipes.data(), pipes.size(), -1) < 0) continue;
            for (size_t i = pipes.size(); i-- > 0;) {
                if (pipes[i].revents != 0) listen(i);
            }
        }
        deliver();
    }

  private:
    void start(std::optional<size_t> again = std::nullopt) {
        int ends[2];
        if (pipe(ends) != 0) throw Error("no pipe can be made for another process");
        const pid_t process = fork();
        if (process < 0) {
            close(ends[0]);
            close(ends[1]);
            // Those that there are do the work, but for a task that another process has to run.
            if (!children_.empty() && !again) return;
            throw Error("no other process can be started here: try --processes 1");
        }
        if (process == 0) {
            close(ends[0]);
            work(tasks_, again, counter_, ends[1]);
        }
        close(ends[1]);
        children_.push_back({process, ends[0]});
    }

    void listen(size_t index) {
        Child& child = children_[index];
        uint8_t buffer[65536];
        const ssize_t bytes = read(child.pipe, buffer, sizeof(buffer));
        if (bytes > 0) {
            child.received.insert(child.received.end(), buffer, buffer + bytes);
            take_messages(child);
            deliver();
            return;
        }
        if (bytes < 0 && errno == EINTR) return;
        end(index);
    }

    void take_messages(Child& child) {
        size_t begin = 0;
        Header header{};
        while (child.received.size() - begin >= sizeof(header)) {
            std::memcpy(&header, &child.received[begin], sizeof(header));
            if (child.received.size() - begin < sizeof(header) + header.bytes) break;
            begin += sizeof(header);
            const auto first = child.received.begin() + static_cast<ptrdiff_t>(begin);
            take(child, header, Message(first, first + static_cast<ptrdiff_t>(header.bytes)));
            begin += header.bytes;
        }
        child.received.erase(child.received.begin(), child.received.begin() + static_cast<ptrdiff_t>(begin));
    }

    void take(Child& child, const Header& header, Message message) {
        if (header.kind == Header::Kind::threw) throw Error(std::string(message.begin(), message.end()));
        if (header.kind == Header::Kind::started) {
            child.running = header.task;
            return;
        }
        child.running.reset();
        if (header.kind == Header::Kind::spent) {
            tasks_.spent(header.task, message);
            child.again = header.task;
            return;
        }
        done_[header.task] = std::move(message);
    }

    /// A child that died in the middle of a task, or was spoiled by one, is replaced by another for the tasks
    /// that are left.
    void end(size_t index) {
        const Child child = std::move(children_[index]);
        children_.erase(children_.begin() + static_cast<ptrdiff_t>(index));
        close(child.pipe);
        int status = 0;
        waitpid(child.process, &status, 0);
        if (child.again) return start(child.again);
        if (!child.running) return;
        const std::string why = WIFSIGNALED(status)
                                    ? fmt::format("the process was ended by signal {} ({})", WTERMSIG(status),
                                                  strsignal(WTERMSIG(status)))
                                    : fmt::format("the process ended with exit code {}", WEXITSTATUS(status));
        done_[*child.running] = tasks_.lost(*child.running, why);
        deliver();
        start();
    }

    void deliver() {
        for (auto first = done_.find(next_); first != done_.end(); first = done_.find(next_)) {
            tasks_.take(next_++, std::move(first->second));
            done_.erase(first);
        }
    }

    const ProcessTasks& tasks_;
    SharedCounter counter_;
    std::vector<Child> children_;
    std::map<size_t, Message> done_;  // and not yet delivered, because an earlier one is not done
    size_t next_ = 0;
};

}  // namespace

void run_in_processes(const ProcessTasks& tasks, int processes) { Parent(tasks, processes).run(); }

}  // namespace vitrine::gradcheck
