// bench scale: what a step takes where many processes train together, from the time of one process's step, the bytes that are sent and
// what networks and machines are like. Never a measurement.
//
//     wall = (own + waiting + sending + reading) / useful
//
//     own       a process's own forward, backward and update, in the mean
//     waiting   for the slowest: the largest of so many independent draws is above the mean
//     sending   what of the exchange of gradients is not hidden behind backward
//     reading   what of the next batch's images is not there when all that is done
//     useful    the share of the time that failures, restarts and checkpoints leave
//
// All times are in seconds, all sizes in bytes.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace vitrine::tools {

/// Of each process to the others: what it sends and receives at once, each way, and from the start of a message without
/// content until the other one goes on.
struct Network {
    double bandwidth = 0.0;  // bytes a second
    double latency = 0.0;    // seconds
};

/// What is exchanged in a step, and how quickly two parts of it are added.
struct ExchangedBytes {
    double gradients = 0.0;
    double statistics = 0.0;                                         // batch norm's running ones
    double add_bandwidth = std::numeric_limits<double>::infinity();  // of the memory, bytes a second
};

/// The images of a data set that is larger than the memory, as a loader fetches them ahead of the step.
struct Reading {
    double image_bytes = 0.0;
    double bandwidth = 0.0;  // of each process, bytes a second
};

/// What every process of a run is like.
struct Process {
    std::vector<double> seconds;  // of steps by itself: each step of the simulation draws one of them
    double backward_share = 0.0;  // of such a step, behind which something can be sent
    int64_t images = 0;           // of a step
};

struct Failures {
    double mean_seconds = 0.0;      // between two failures of one process: of its GPU, its machine, its cable
    double interval_seconds = 0.0;  // between two checkpoints
    double write_seconds = 0.0;     // of a checkpoint, in which all wait
    double restart_seconds = 0.0;   // from a failure until steps go on, without those that are done once more
};

/// ceil(log2 ranks).
int tree_depth(int64_t ranks);

/// The ranges that gradients are sent in, each as soon as backward has left it (engine/step/gradient_exchange.h).
constexpr int ranges = 8;

/// As gradients are exchanged today (engine/step/shards.h, kernels/mpi), hidden behind backward or not: each range up a binary tree, added
/// at each fork, and the root's to all by MPI_Ibcast, before the next one begins:
///
///     depth · (2 ranges · latency + bytes / bandwidth + 3 bytes / add_bandwidth) + hops · (2 ranges · latency + bytes / bandwidth)
///
/// The hops are those of Open MPI 4's libnbc, which looks at the number of processes alone (its ibcast_skip_dt_decision): up to four are
/// sent to by the first one in turn, more by a binomial tree, whose depth is taken for it: at best, as the sends of one process share its
/// way out. 0 for one process.
double tree_seconds(int64_t ranks, const ExchangedBytes& bytes, const Network& network);

/// As they could be: each range is added up in halves (reduce-scatter) and put together again (allgather):
///
///     2 (N − 1)/N · bytes / bandwidth + ranges · 2 depth · latency + (N − 1)/N · 3 bytes / add_bandwidth
///
/// Source: Thakur, Rabenseifner and Gropp, "Optimization of Collective Communication Operations in MPICH", 2005 (recursive halving and
/// doubling).
double halves_seconds(int64_t ranks, const ExchangedBytes& bytes, const Network& network);

/// What of an exchange is not hidden: the last range is whole only when backward ends, and no more than backward's time hides the others.
/// Behind it come the statistics, up the tree and to all, and twice a few bytes: the losses, and whether somebody has
/// been asked to stop.
double exposed_seconds(double exchange_seconds, int64_t ranks, const ExchangedBytes& bytes,
                       const Network& network, double backward_seconds);

/// A process's own images of a step.
double reading_seconds(const Process& process, const Reading& reading);

/// The share of the time that is left for steps, 0 to 1, of a run that ends as soon as one of its processes fails, at times that do not
/// depend on each other, and goes on from its last checkpoint:
///
///     interval / (M · e^(restart / M) · (e^((interval + write) / M) − 1))        M = mean / ranks
///
/// Source: Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps", 2006, its complete cost function. Of
/// rare failures it is 1 − write / interval − (interval / 2 + restart) / M.
double useful_share(int64_t ranks, const Failures& failures);

/// The interval that loses least, √(2 · write · M). Source: Young, "A first order approximation to the optimum checkpoint interval", 1974.
double best_interval(int64_t ranks, const Failures& failures);

/// Where the time of a run goes: the shares and the efficiency are 1 together.
struct ScaleTimes {
    double step_seconds = 0.0;  // of the slowest process, what is sent, and what is waited for images
    double images_per_second = 0.0;
    double efficiency =
        0.0;  // images_per_second over `ranks` times those of a process that is alone and never fails
    double waiting = 0.0, sending = 0.0, reading = 0.0, failures = 0.0;

    /// The largest loss: "waiting", "sending", "reading" or "failures"; "nothing" where there is none.
    const char* breaks_first() const;
};

struct ScaleRow {
    int64_t ranks = 0;
    ScaleTimes today;     // tree_seconds
    ScaleTimes could_be;  // halves_seconds
};

/// The conditions under which processes of a kind train together.
struct Surroundings {
    ExchangedBytes bytes;
    Network network;
    Reading reading;
    Failures failures;
};

/// One row for each of `ranks`, which ascend. Steps are simulated, the same draws for all rows, so a process more never makes
/// one quicker. `seed` decides the draws.
std::vector<ScaleRow> scale_rows(const std::vector<int64_t>& ranks, const Process& process,
                                 const Surroundings& around, uint64_t seed);

/// Seconds for so many epochs of a set.
double training_seconds(const ScaleTimes& times, int64_t images, int64_t epochs);

}  // namespace vitrine::tools
