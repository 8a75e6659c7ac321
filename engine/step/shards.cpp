// The shards of a batch and the tree that puts them together: see shards.h.

#include "engine/step/shards.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "engine/step/add_gradients.h"
#include "kernels/kernels.h"

namespace vitrine {
namespace {

Tensor copy_of(const Tensor& x) {
    if (!x.defined()) return {};
    Tensor copy = Tensor::like(x);
    copy.assign_copy(x);
    return copy;
}

}  // namespace

ShardTree::ShardTree(FlatState& state, int64_t shards, DeviceCollective& processes)
    : state_(state),
      processes_(processes),
      shards_(shards),
      here_(shards / processes.ranks()),
      first_(here_ * processes.rank()) {
    if (shards < 2 || shards % processes.ranks() != 0)
        throw std::logic_error("shards that these processes cannot share equally");
    plant(0, shards_);
}

void ShardTree::plant(int64_t begin, int64_t end) {
    if (end - begin == 1) return;
    int64_t left = 1;
    while (2 * left < end - begin) left *= 2;
    plant(begin, begin + left);
    plant(begin + left, end);
    forks_.push_back({begin, begin + left, end});
}

void ShardTree::begin(bool accumulating) {
    if (begun_)
        restore_statistics();
    else
        keep_state_before(accumulating);
    begun_ = true;
}

/// What join_processes() does, of gradients alone and for each range of them by itself.
GradientExchange* ShardTree::start_exchange() {
    if (processes_.ranks() == 1 || done_ + 1 < here_) return nullptr;
    const int64_t last = first_ + done_;
    std::map<int64_t, Tensor> here{{last, state_.gradients()}};  // by the node's first shard
    for (Node& node : nodes_) here[node.begin] = std::exchange(node.gradients, {});
    exchange_ = std::make_unique<GradientExchange>(
        state_, processes_,
        processes_.sums() ? plan_of_sum(std::move(here)) : plan_of_tree(last, std::move(here)));
    return exchange_.get();
}

std::vector<ExchangeTask> ShardTree::plan_of_tree(int64_t last, std::map<int64_t, Tensor> here) {
    std::vector<ExchangeTask> plan;
    using Kind = ExchangeTask::Kind;
    const int me = processes_.rank();
    for (const Fork& fork : forks_) {
        const int left = process_of(fork.begin), right = process_of(fork.middle);
        const bool joins = left != process_of(fork.end - 1);
        if (joins && right == me && left != me)
            plan.push_back({Kind::send, here.extract(fork.middle).mapped(), {}, left});
        if ((joins && left != me) || (!joins && !ends_here(fork, last))) continue;
        if (joins && right != me) {
            here[fork.middle] = Tensor::like(state_.gradients());
            plan.push_back({Kind::receive, here[fork.middle], {}, right});
        }
        plan.push_back({Kind::add, here.at(fork.begin), here.extract(fork.middle).mapped()});
    }
    sum_ = me == 0 ? here.at(0) : Tensor::like(state_.gradients());
    plan.push_back({Kind::broadcast, sum_});
    return plan;
}

/// This process's own nodes from left to right, and then all processes' in an order that is not ours.
std::vector<ExchangeTask> ShardTree::plan_of_sum(std::map<int64_t, Tensor> here) {
    using Kind = ExchangeTask::Kind;
    std::vector<ExchangeTask> plan;
    sum_ = here.begin()->second;
    for (auto node = std::next(here.begin()); node != here.end(); ++node)
        plan.push_back({Kind::add, sum_, node->second});
    plan.push_back({Kind::sum, sum_});
    return plan;
}

bool ShardTree::end() {
    if (!add_shard(state_as_node())) {  // which the next shard writes over
        nodes_.back().gradients = copy_of(nodes_.back().gradients);
        nodes_.back().statistics = copy_of(nodes_.back().statistics);
    }
    if (done_ < here_) return false;
    join_processes();
    await_processes();
    return true;
}

void ShardTree::end_together(const std::vector<Tensor>& gradients) {
    for (const Tensor& each : gradients) {
        start_exchange();
        add_shard({.gradients = each});
    }
    await_processes();
}

void ShardTree::await_processes() {
    processes_.finish();
    exchange_.reset();  // and with it memory that was in use beside the kernels
}

bool ShardTree::add_shard(Node node) {
    const int64_t shard = first_ + done_++;
    node.begin = shard;
    nodes_.push_back(std::move(node));
    if (exchange_) {
        exchange_->finish();
        nodes_.back().gradients = {};
    }
    bool merged = false;
    for (const Fork& fork : forks_) {
        if (!ends_here(fork, shard)) continue;
        merge(fork);
        merged = true;
    }
    return merged;
}

void ShardTree::forget() {
    if (begun_) restore_statistics();
    clear();
}

ShardTree::Node ShardTree::state_as_node() const {
    const int64_t trained = state_.trained_count(), others = state_.count() - trained;
    return {.gradients = state_.gradients(),
            .statistics = others > 0 ? state_.values().part(trained, {others}) : Tensor()};
}

void ShardTree::keep_state_before(bool accumulating) {
    earlier_ = accumulating ? copy_of(state_.gradients()) : Tensor();
    statistics_before_ = copy_of(state_as_node().statistics);
    counters_before_ = state_.counters();
}

void ShardTree::restore_statistics() {
    if (statistics_before_.defined()) state_as_node().statistics.assign_copy(statistics_before_);
    state_.set_counters(counters_before_);
}

void ShardTree::add(const Tensor& a, const Tensor& b, const Tensor& sum) const {
    add_gradients(state_, {a, b, sum}, [](size_t) { return true; });
}

ShardTree::Node ShardTree::take(int64_t begin) {
    const auto found = std::ranges::find(nodes_, begin, &Node::begin);
    if (found == nodes_.end()) throw std::logic_error("a node of the tree is not here");
    Node node = std::move(*found);
    nodes_.erase(found);
    return node;
}

void ShardTree::merge(const Fork& fork) {
    Node left = take(fork.begin);
    const Node right = take(fork.middle);
    if (left.gradients.defined()) add(left.gradients, right.gradients, left.gradients);
    if (left.statistics.defined()) {
        kernels(state_.placement().device)
            .ema_update({.dtype = state_.placement().dtype,
                         .count = left.statistics.count(),
                         .value = right.statistics.data(),
                         .average = left.statistics.data(),
                         .decay = static_cast<double>(fork.middle - fork.begin) /
                                  static_cast<double>(fork.end - fork.begin)});
    }
    nodes_.push_back(std::move(left));
}

void ShardTree::join_processes() {
    if (processes_.ranks() == 1) return;
    const Beside beside(processes_);
    const int me = processes_.rank();
    for (const Fork& fork : forks_) {
        const int left = process_of(fork.begin), right = process_of(fork.middle);
        if (left == process_of(fork.end - 1)) continue;  // put together there already
        if (right == me && left != me) send(fork);
        if (left != me) continue;
        if (right != me) receive(fork);
        merge(fork);
    }
    if (nodes_.empty()) nodes_.push_back(empty_node(0));
    const Tensor& statistics = nodes_.front().statistics;
    if (statistics.defined()) processes_.broadcast(statistics.data(), statistics.bytes(), 0);
}

ShardTree::Node ShardTree::empty_node(int64_t begin) const {
    Node node{.begin = begin, .statistics = state_as_node().statistics};
    if (node.statistics.defined()) node.statistics = Tensor::like(node.statistics);
    return node;
}

void ShardTree::receive(const Fork& fork) {
    nodes_.push_back(empty_node(fork.middle));
    const Tensor& statistics = nodes_.back().statistics;
    if (statistics.defined())
        processes_.receive(statistics.data(), statistics.bytes(), process_of(fork.middle));
}

void ShardTree::send(const Fork& fork) {
    const Node right = take(fork.middle);
    if (right.statistics.defined())
        processes_.send(right.statistics.data(), right.statistics.bytes(), process_of(fork.begin));
}

void ShardTree::apply() {
    Node& root = nodes_.front();
    if (sum_.defined()) root.gradients = std::exchange(sum_, {});
    Node state = state_as_node();
    if (earlier_.defined())
        add(earlier_, root.gradients, state.gradients);
    else if (root.gradients.data() != state.gradients.data())
        state.gradients.assign_copy(root.gradients);
    if (root.statistics.defined()) state.statistics.assign_copy(root.statistics);
    clear();
}

void ShardTree::clear() {
    exchange_.reset();
    sum_ = {};
    nodes_.clear();
    earlier_ = {};
    done_ = 0;
    begun_ = false;
}

}  // namespace vitrine
