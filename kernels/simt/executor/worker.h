// What one OS thread needs to run blocks, kept from launch to launch.
#pragma once

#include "kernels/simt/executor/block.h"
#include "kernels/simt/executor/observer.h"
#include "kernels/simt/executor/shared_memory.h"

namespace vitrine::simt {

struct Worker {
    Counters counters;
    SharedMemory shared;
    AsyncCopies copies;
    BlockRunner block{counters};
    Observer observer{block, shared, counters};

    /// The calling OS thread's own.
    static Worker& mine();

    void begin_launch(Grid& grid);
    void run_block(uint64_t turn);
    void end_launch();

    /// Of the running launch.
    const Settings& settings() const { return grid_->settings(); }
    bool is_sample() const { return grid_->is_sample(); }

  private:
    void run_recorded(uint64_t turn);

    Grid* grid_ = nullptr;
    bool poison_blindly_ = false;
};

/// While a kernel runs on this OS thread: its worker. Null outside.
extern constinit thread_local Worker* running_worker;

/// The executor at work: nothing that it does itself is observed.
class Unobserved {
  public:
    Unobserved() : observer_(running_observer) { running_observer = nullptr; }
    ~Unobserved() { running_observer = observer_; }
    Unobserved(const Unobserved&) = delete;
    Unobserved& operator=(const Unobserved&) = delete;

    Observer* observer() const { return observer_; }

  private:
    Observer* observer_;
};

}  // namespace vitrine::simt
