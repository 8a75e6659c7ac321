// The moments of a batch's shards made one: every shard goes on with a copy of the result, and gives a gradient of its own.

#include <fmt/format.h>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

struct Options {
    int64_t shards;
    int64_t rows;
    int64_t channels;
};

/// [shards, 2, channels]: means around 0, and an m2 of rows whose variance is around 1.
std::vector<double> draw_moments(const Options& o) {
    const int64_t count = o.shards * 2 * o.channels;
    const double rows = static_cast<double>(o.rows);
    std::vector<double> moments = uniform("moments", count), m2 = uniform("m2", count, 0.5 * rows, 2 * rows);
    for (int64_t i = 0; i < count; ++i) {
        const auto element = static_cast<size_t>(i);
        if (i / o.channels % 2 == 1) moments[element] = m2[element];
    }
    return moments;
}

Problem merge_problem(const Options& o) {
    const int64_t count = o.shards * 2 * o.channels;
    Problem problem;
    problem.shape = fmt::format("{} channels of {} shards, {} rows each", o.channels, o.shards, o.rows);
    problem.tensors = {{"moments", Role::parameter, count, draw_moments(o)}, {"merged", Role::loss, count}};
    problem.forward = pass(&KernelTable::merge_moments_forward, [o](DType dtype, const Bindings& b) {
        MergeMomentsForward args;
        args.dtype = dtype;
        args.shards = o.shards;
        args.rows = o.rows;
        args.channels = o.channels;
        args.copies = o.shards;
        args.moments = b["moments"];
        args.merged = b["merged"];
        return args;
    });
    problem.backward = pass(&KernelTable::merge_moments_backward, [o](DType dtype, const Bindings& b) {
        MergeMomentsBackward args;
        args.dtype = dtype;
        args.shards = o.shards;
        args.rows = o.rows;
        args.channels = o.channels;
        args.wanted = o.shards;
        args.moments = b["moments"];
        args.merged = b["merged"];
        args.d_merged = b["d_merged"];
        args.d_moments = b.gradient("d_moments");
        return args;
    });
    return problem;
}

}  // namespace

std::vector<Problem> merge_moments_problems() {
    std::vector<Problem> problems;
    for (const Options& options : std::vector<Options>{{1, 2, 1},
                                                       {2, 2, 7},
                                                       {3, 49, 33},
                                                       {4, 16, 64},
                                                       {6, 1, 5},
                                                       {7, 12, 65},
                                                       {64, 3, 3},
                                                       {300, 2, 2}}) {
        problems.push_back(merge_problem(options));
    }
    return problems;
}

std::vector<Problem> merge_moments_layers() { return {merge_problem({8, 32 * 14 * 14, 576})}; }

}  // namespace vitrine::gradcheck
