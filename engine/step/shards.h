// The shards of a batch: equal parts of it that know nothing of each other, each with a forward and backward pass and batch-norm
// statistics of its own, and the tree that puts together what they come to. (Where statistics are in common: lockstep.h.)
//
//     shard            0   1   2   3   4   5   6
//                       \ /     \ /     \ /    |
//                        0…1    2…3     4…5    |      gradients      left + right
//                          \    /         \    |      statistics     the mean of all shards below
//                           0…3            4…6
//                              \          /
//                                  0…6
//
// A node's left part has as many shards as the largest power of two that leaves something for the right one, so the tree follows
// from their number alone, and what comes of it does not depend on who has computed which shards: one process takes all in turn,
// or several take some each. In PyTorch the shards are the processes of DistributedDataParallel. There each keeps the running
// statistics of its own shards (broadcast_buffers=False); the model has their mean here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "engine/step/gradient_exchange.h"
#include "engine/step/state.h"
#include "kernels/device_collective.h"

namespace vitrine {

class ShardTree {
  public:
    /// State and processes must outlive it. `shards` is 2 or more, and a multiple of the processes: each takes as many
    /// neighbours.
    ShardTree(FlatState& state, int64_t shards, DeviceCollective& processes);

    int64_t shards() const { return shards_; }
    /// Those of this process: its first, and how many.
    int64_t first() const { return first_; }
    int64_t here() const { return here_; }
    DeviceCollective& processes() const { return processes_; }
    /// Whether a batch has been begun and is not whole.
    bool begun() const { return begun_; }

    /// Before the forward pass of the next shard: statistics and counters are those before its batch. Where `accumulating`,
    /// the gradients before the first one are of earlier batches, to be added to.
    void begin(bool accumulating);
    /// Before its backward pass: where gradients are sent as that one makes them, who has to hear of each; else null. It lives until
    /// end() or forget().
    GradientExchange* start_exchange();
    /// After its backward pass. True after that of the batch's last shard here: then apply() comes next.
    bool end();
    /// What begin() … end() do of one shard after the other, of all shards here at once, each with gradients of its own, in their order
    /// (lockstep.h): the last one's are the state's, and the state has the batch's statistics already.
    void end_together(const std::vector<Tensor>& gradients);
    /// Gives the state the batch's statistics, and as gradients the sum of all shards' and of what earlier batches left. Nothing waits
    /// for other processes from here on: until then the batch can be forgotten as a whole, and after it, it counts.
    void apply();
    /// A batch that was begun is none.
    void forget();

  private:
    /// A node of the tree that has two parts: shards begin … middle − 1 and middle … end − 1.
    struct Fork {
        int64_t begin, middle, end;
    };
    /// What the shards below a node come to; `begin` is the first of them.
    struct Node {
        int64_t begin = 0;
        Tensor gradients{};   // [trained_count]
        Tensor statistics{};  // [count − trained_count]; undefined where there are none
    };

    void plant(int64_t begin, int64_t end);
    int process_of(int64_t shard) const { return static_cast<int>(shard / here_); }
    Node state_as_node() const;
    /// The next shard of this process is done, and what is whole with it is put together. False where nothing was.
    bool add_shard(Node node);
    void await_processes();
    void keep_state_before(bool accumulating);
    void restore_statistics();
    std::vector<ExchangeTask> plan_of_tree(int64_t last, std::map<int64_t, Tensor> here);
    std::vector<ExchangeTask> plan_of_sum(std::map<int64_t, Tensor> here);
    void add(const Tensor& a, const Tensor& b, const Tensor& sum) const;
    /// Takes the node that begins there out of `nodes_`.
    Node take(int64_t begin);
    /// Whether all shards below a fork are this process's, `last` the last of them.
    bool ends_here(const Fork& fork, int64_t last) const {
        return fork.end == last + 1 && fork.begin >= first_;
    }
    /// Both parts of a fork are in `nodes_`, and become one.
    void merge(const Fork& fork);
    /// The statistics of several processes' shards; their gradients have been through the exchange.
    void join_processes();
    /// Without gradients.
    Node empty_node(int64_t begin) const;
    void receive(const Fork& fork);
    void send(const Fork& fork);
    void clear();

    FlatState& state_;
    DeviceCollective& processes_;
    int64_t shards_, here_, first_;
    std::vector<Fork> forks_;  // each after those below it
    bool begun_ = false;
    int64_t done_ = 0;         // of the batch
    std::vector<Node> nodes_;  // that are here and not part of another one yet
    Tensor sum_;               // where the exchange leaves all shards' gradients
    std::unique_ptr<GradientExchange> exchange_;
    Tensor earlier_;  // gradients of batches before; undefined: none
    Tensor statistics_before_;
    std::vector<double> counters_before_;
};

}  // namespace vitrine
