// The shards of a batch side by side: where batch norm's statistics are over all of them, no shard can go on before the others
// have come as far.
//
//     shard 0   ──conv──┐       ┌──norm──conv──┐       ┌──norm── …
//     shard 1   ──conv──┤ meet  ├──norm──conv──┤ meet  ├──norm── …
//     shard 2   ──conv──┘       └──norm──conv──┘       └──norm── …
//
// Each shard is a fiber (fiber.h). One runs at a time, the first one first, until it comes to a meeting (engine/shard_meeting.h): it leaves its
// numbers, and the next one runs. When the last one has come, the process has its row of the table, the processes exchange
// theirs (Collective::gather), and all go on with the whole table, the first one first. Nothing depends on how many
// processes there are: the table is the same, and who reads it puts it together in the tree of shards.h. Backward is the same walk with
// gradients on the table.
//
// A shard that throws ends the batch: those that wait are woken by an exception in turn, so that what lies on their stacks is
// destroyed, and the first exception goes on to the caller.
//
// A fiber has no thread of its own, so what belongs to the thread and is really a shard's is exchanged at each turn: the tape that
// records and the modules that run (OpContext, engine/autograd.h), and what the caller says.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "engine/shard_meeting.h"
#include "kernels/device_collective.h"

namespace vitrine {

class Lockstep final : public ShardMeeting {
  public:
    /// `shards` is a multiple of the processes, which must outlive it: each takes as many neighbours.
    Lockstep(int64_t shards, DeviceCollective& processes);
    ~Lockstep() override;

    /// Of a shard, by its place among those of this process.
    using Function = std::function<void(int64_t place)>;
    /// Runs `body` of every shard of this process, each on a stack of its own. `exchange` is called before and after each turn of a shard,
    /// to put what belongs to it in its place and to take it away again; it must not throw. All processes run the same
    /// meetings. Throws what a body has thrown, and std::logic_error where one ends while another one waits.
    void run(
        const Function& body, const Function& exchange = [](int64_t) {});

    int64_t shards() const override { return shards_; }
    int64_t shard() const override { return first_ + place_; }
    /// 0 where none is running.
    int64_t place() const override { return place_; }
    Tensor meet(std::initializer_list<Tensor> own) override;

  private:
    struct Runner;

    bool advance();
    void take_turn(int64_t place);
    void abandon();
    void leave(std::initializer_list<Tensor> own);
    void complete_table();

    DeviceCollective& processes_;
    int64_t shards_, here_, first_;
    std::vector<std::unique_ptr<Runner>> runners_;  // while run() does
    const Function* exchange_ = nullptr;
    int64_t place_ = 0;
    bool abandoned_ = false;
    Tensor
        leaving_;  // [shards, …]: the table of the meeting that shards are coming to; undefined before the first one
    Tensor left_;  // that of the meeting that they go on from
};

}  // namespace vitrine
