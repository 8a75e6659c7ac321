// bench scale: see scale_model.h.

#include "lab/bench/scale_model.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/random.h"

namespace vitrine::tools {
namespace {

constexpr uint32_t simulated_steps = 1000;
constexpr int small_exchanges = 2;  // of the losses, and of whether somebody has been asked to stop

/// Both are read and the sum is written.
double add_seconds(const ExchangedBytes& bytes) { return 3.0 * bytes.gradients / bytes.add_bandwidth; }

int broadcast_hops(int64_t ranks) { return ranks <= 4 ? static_cast<int>(ranks) - 1 : tree_depth(ranks); }

/// Of the simulated steps, in the mean.
struct Drawn {
    double own = 0.0;             // of the first process
    std::vector<double> slowest;  // of the first so many
};

Drawn draw_steps(const std::vector<int64_t>& ranks, const std::vector<double>& seconds, uint64_t seed) {
    Drawn drawn{.slowest = std::vector<double>(ranks.size())};
    for (uint32_t step = 0; step < simulated_steps; ++step) {
        const RandomKey key{.seed = seed, .purpose = RandomPurpose::test, .epoch = step};
        double slowest = 0.0;
        int64_t process = 0;
        for (size_t row = 0; row < ranks.size(); ++row) {
            for (; process < ranks[row]; ++process) {
                const double own = seconds[random_below(key, static_cast<uint64_t>(process), seconds.size())];
                if (process == 0) drawn.own += own / simulated_steps;
                slowest = std::max(slowest, own);
            }
            drawn.slowest[row] += slowest / simulated_steps;
        }
    }
    return drawn;
}

/// What a step of one row takes beside what is sent.
struct Computed {
    int64_t images;  // of all processes
    double own, slowest, useful;
};

/// The images of the next batch are fetched while this one is trained on.
ScaleTimes times_of(const Computed& computed, double sending, double reading) {
    const double trained = computed.slowest + sending;
    ScaleTimes times;
    times.step_seconds = std::max(trained, reading);
    const double of_wall = computed.useful / times.step_seconds;
    times.images_per_second = static_cast<double>(computed.images) * of_wall;
    times.efficiency = computed.own * of_wall;
    times.waiting = std::max(0.0, computed.slowest - computed.own) * of_wall;
    times.sending = sending * of_wall;
    times.reading = (times.step_seconds - trained) * of_wall;
    times.failures = 1.0 - computed.useful;
    return times;
}

}  // namespace

int tree_depth(int64_t ranks) { return std::bit_width(static_cast<uint64_t>(ranks - 1)); }

double tree_seconds(int64_t ranks, const ExchangedBytes& bytes, const Network& network) {
    if (ranks == 1) return 0.0;
    const double send = 2.0 * ranges * network.latency + bytes.gradients / network.bandwidth;
    return tree_depth(ranks) * (send + add_seconds(bytes)) + broadcast_hops(ranks) * send;
}

double halves_seconds(int64_t ranks, const ExchangedBytes& bytes, const Network& network) {
    const double others = static_cast<double>(ranks - 1) / static_cast<double>(ranks);
    return others * (2.0 * bytes.gradients / network.bandwidth + add_seconds(bytes)) +
           2.0 * ranges * tree_depth(ranks) * network.latency;
}

double exposed_seconds(double exchange_seconds, int64_t ranks, const ExchangedBytes& bytes,
                       const Network& network, double backward_seconds) {
    if (ranks == 1) return 0.0;
    const double statistics = 2.0 * network.latency + bytes.statistics / network.bandwidth;
    return std::max(exchange_seconds / ranges, exchange_seconds - backward_seconds) +
           (tree_depth(ranks) + broadcast_hops(ranks)) * statistics +
           small_exchanges * tree_depth(ranks) * network.latency;
}

double reading_seconds(const Process& process, const Reading& reading) {
    return static_cast<double>(process.images) * reading.image_bytes / reading.bandwidth;
}

double useful_share(int64_t ranks, const Failures& failures) {
    const double mean = failures.mean_seconds / static_cast<double>(ranks);
    const double wall = mean * std::exp(failures.restart_seconds / mean) *
                        std::expm1((failures.interval_seconds + failures.write_seconds) / mean);
    return failures.interval_seconds / wall;
}

double best_interval(int64_t ranks, const Failures& failures) {
    return std::sqrt(2.0 * failures.write_seconds * failures.mean_seconds / static_cast<double>(ranks));
}

const char* ScaleTimes::breaks_first() const {
    const double most = std::max({waiting, sending, reading, failures});
    if (most <= 0.0) return "nothing";
    if (most == sending) return "sending";
    if (most == reading) return "reading";
    return most == waiting ? "waiting" : "failures";
}

std::vector<ScaleRow> scale_rows(const std::vector<int64_t>& ranks, const Process& process,
                                 const Surroundings& around, uint64_t seed) {
    const Drawn drawn = draw_steps(ranks, process.seconds, seed);
    const double backward = process.backward_share * drawn.own;
    std::vector<ScaleRow> rows;
    for (size_t row = 0; row < ranks.size(); ++row) {
        const int64_t count = ranks[row];
        const Computed computed{.images = count * process.images,
                                .own = drawn.own,
                                .slowest = drawn.slowest[row],
                                .useful = useful_share(count, around.failures)};
        const double reading = reading_seconds(process, around.reading);
        const auto times = [&](double exchange_seconds) {
            const double sending =
                exposed_seconds(exchange_seconds, count, around.bytes, around.network, backward);
            return times_of(computed, sending, reading);
        };
        rows.push_back({.ranks = count,
                        .today = times(tree_seconds(count, around.bytes, around.network)),
                        .could_be = times(halves_seconds(count, around.bytes, around.network))});
    }
    return rows;
}

double training_seconds(const ScaleTimes& times, int64_t images, int64_t epochs) {
    return static_cast<double>(images * epochs) / times.images_per_second;
}

}  // namespace vitrine::tools
