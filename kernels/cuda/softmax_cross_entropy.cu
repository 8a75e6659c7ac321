// Softmax cross-entropy: probabilities and the loss, in two launches: one over rows, one that averages their
// losses as a tree.
//
// With z_k = logit_k − maximum (so that no exponential overflows) and S = Σ w_k · target_k, a row's loss is
//     S · log Σ exp(z_k) − Σ w_k · target_k · z_k
// which takes one logarithm a row and has no log of a probability that may have become 0. Without weights of
// classes S is 1; with them it is known from the row's labels alone, since the weights have a mean of 1:
//     S = (1 − ε) · (λ · w_label + (1 − λ) · w_other) + ε
//
// Forward, the ladder, with the elements of T that are moved for each logit:
//
//     naive    One thread a row: 3 reads, 1 write. A warp reads 32 rows at once, at a distance of a whole
//              row: every request touches 32 sectors of 32 bytes for 4 bytes each.
//     blocks   A block a row. The maximum and the sum come from one pass, in which every thread rescales its
//              sum whenever its maximum grows: 2 reads, 1 write.
//     warps    A warp a row (8 or 16 lanes for few classes, so that no lane idles): the row stays in
//              registers and nothing but shuffles is waited for. 1 read, 1 write: the minimum. Up to 1024
//              classes.
//
// Backward reads the probabilities and writes d_logits: 2 elements, 2 FLOPs.

#include <cmath>

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/channel_reduce.h"
#include "kernels/cuda/softmax_targets.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;

template <class T, bool weighted>
struct Rows {
    using A = Accumulate<T>;

    const T* logits;   // [batch, classes]
    A* probabilities;  // [batch, classes]
    A* losses;         // [batch]
    int64_t batch;
    int64_t classes;
    Targets<A, weighted> targets;

    Rows(const SoftmaxCrossEntropyForward& args, const Context& context, A* row_losses)
        : logits(static_cast<const T*>(args.logits)),
          probabilities(static_cast<A*>(args.probabilities)),
          losses(row_losses),
          batch(args.batch),
          classes(args.classes),
          targets(args, context) {}
};

// Forward: rows.

template <class T, bool weighted>
__global__ void __launch_bounds__(threads) softmax_naive(Rows<T, weighted> rows) {
    rows.targets.take_settings();
    const int64_t row = thread_index();
    if (row >= rows.batch) return;
    const T* logits = rows.logits + row * rows.classes;
    T* probabilities = rows.probabilities + row * rows.classes;
    T maximum = logits[0];
    for (int64_t k = 1; k < rows.classes; ++k) maximum = Larger()(maximum, logits[k]);
    T sum = T(0);
    for (int64_t k = 0; k < rows.classes; ++k) sum += std::exp(logits[k] - maximum);
    const Labels own = rows.targets.of_row(row);
    T towards_target = T(0);
    for (int64_t k = 0; k < rows.classes; ++k) {
        const T z = logits[k] - maximum;
        probabilities[k] = std::exp(z) / sum;
        towards_target = multiply_add(rows.targets(k, own), z, towards_target);
    }
    rows.losses[row] = rows.targets.sum_of_row(row) * std::log(sum) - towards_target;
}

/// Σ exp(logit − maximum) of the logits so far.
template <class T>
struct RunningSum {
    T maximum = -INFINITY;
    T sum = T(0);

    __device__ __forceinline__ void add(T logit) {
        if (logit > maximum) {
            sum = multiply_add(sum, std::exp(maximum - logit), T(1));
            maximum = logit;
        } else if (!(logit == -INFINITY)) {  // adds nothing; a NaN must spread
            sum += std::exp(logit - maximum);
        }
    }
};

template <class T, bool weighted>
__global__ void __launch_bounds__(threads, 1) softmax_blocks(Rows<T, weighted> rows) {
    rows.targets.take_settings();
    const int64_t row = blockIdx.x;
    using A = Accumulate<T>;
    const T* logits = rows.logits + row * rows.classes;
    A* probabilities = rows.probabilities + row * rows.classes;
    RunningSum<A> mine;
    for (int64_t k = threadIdx.x; k < rows.classes; k += threads) mine.add(load_value(logits + k));
    const A maximum = reduce_block<threads>(mine.maximum, Larger());
    const A sum =
        reduce_block<threads>(mine.sum == A(0) ? A(0) : mine.sum * std::exp(mine.maximum - maximum), Add());

    const Labels own = rows.targets.of_row(row);
    A towards_target = A(0);
    for (int64_t k = threadIdx.x; k < rows.classes; k += threads) {
        const A z = load_value(logits + k) - maximum;
        probabilities[k] = std::exp(z) / sum;
        towards_target = multiply_add(rows.targets(k, own), z, towards_target);
    }
    towards_target = reduce_block<threads>(towards_target, Add());
    if (threadIdx.x == 0) rows.losses[row] = rows.targets.sum_of_row(row) * std::log(sum) - towards_target;
}

/// `width` lanes a row, `per_lane` logits a lane; width · per_lane ≥ classes.
template <class T, bool weighted, int width, int per_lane>
__global__ void __launch_bounds__(threads) softmax_warps(Rows<T, weighted> rows) {
    rows.targets.take_settings();
    const int lane = static_cast<int>(threadIdx.x) % width;
    const int64_t row = thread_index() / width;
    // Lanes without a row take part in the shuffles all the same.
    const int classes = row < rows.batch ? static_cast<int>(rows.classes) : 0;
    const Labels own = row < rows.batch ? rows.targets.of_row(row) : Labels{};
    const T* logits = rows.logits + row * rows.classes;

    using A = Accumulate<T>;
    A values[per_lane];
    A maximum = -INFINITY;
    VITRINE_UNROLL
    for (int i = 0; i < per_lane; ++i) {
        const int k = i * width + lane;
        values[i] = k < classes ? load_value(logits + k) : A(-INFINITY);
        maximum = Larger()(maximum, values[i]);
    }
    maximum = reduce_lanes<width>(maximum, Larger());

    A sum = A(0), towards_target = A(0);
    VITRINE_UNROLL
    for (int i = 0; i < per_lane; ++i) {
        const int k = i * width + lane;
        if (k < classes) {
            const A z = values[i] - maximum;
            towards_target = multiply_add(rows.targets(k, own), z, towards_target);
            values[i] = std::exp(z);
            sum += values[i];
        }
    }
    sum = reduce_lanes<width>(sum, Add());
    towards_target = reduce_lanes<width>(towards_target, Add());

    A* probabilities = rows.probabilities + row * rows.classes;
    VITRINE_UNROLL
    for (int i = 0; i < per_lane; ++i) {
        const int k = i * width + lane;
        if (k < classes) probabilities[k] = values[i] / sum;
    }
    if (lane == 0 && classes > 0)
        rows.losses[row] = rows.targets.sum_of_row(row) * std::log(sum) - towards_target;
}

// Forward: the loss.

/// One block. loss = Σ losses / batch
template <class T>
__global__ void __launch_bounds__(threads) average_losses(ReadOnly<T> losses, int64_t batch, T* loss) {
    T sum = T(0);
    for (int64_t row = threadIdx.x; row < batch; row += threads) sum += losses[row];
    sum = reduce_block<threads>(sum, Add());
    if (threadIdx.x == 0) *loss = sum / static_cast<T>(batch);
}

/// One block. W = Σ of the labels' weights; loss = Σ losses / W, or 0 where nothing has any weight.
template <class T>
__global__ void __launch_bounds__(threads)
    average_weighted_losses(Rows<T, true> rows, Accumulate<T>* total_weight, Accumulate<T>* loss) {
    using A = Accumulate<T>;
    rows.targets.take_settings();
    A sum = A(0), weights = A(0);
    for (int64_t row = threadIdx.x; row < rows.batch; row += threads) {
        sum += rows.losses[row];
        weights += rows.targets.label_weight(row);
    }
    sum = reduce_block<threads>(sum, Add());
    weights = reduce_block<threads>(weights, Add());
    if (threadIdx.x != 0) return;
    *total_weight = weights;
    *loss = weights > A(0) ? sum / weights : A(0);
}

// Each launches a kernel over rows.

struct Naive {
    template <class T, bool weighted>
    static void launch_rows(const Rows<T, weighted>& rows) {
        launch(softmax_naive<T, weighted>, blocks_for(rows.batch, threads), threads, 0, stream(), rows);
    }
};

struct Blocks {
    template <class T, bool weighted>
    static void launch_rows(const Rows<T, weighted>& rows) {
        launch(softmax_blocks<T, weighted>, blocks_for(rows.batch, 1), threads, 0, stream(), rows);
    }
};

struct Warps {
    template <int width, int per_lane, class T, bool weighted>
    static void launch_width(const Rows<T, weighted>& rows) {
        launch(softmax_warps<T, weighted, width, per_lane>, blocks_for(rows.batch, threads / width), threads,
               0, stream(), rows);
    }
    template <class T, bool weighted>
    static void launch_rows(const Rows<T, weighted>& rows) {
        if (rows.classes <= 8) return launch_width<8, 1>(rows);
        if (rows.classes <= 16) return launch_width<16, 1>(rows);
        if (rows.classes <= 32) return launch_width<32, 1>(rows);
        if (rows.classes <= 128) return launch_width<32, 4>(rows);
        if (rows.classes <= 256) return launch_width<32, 8>(rows);
        launch_width<32, 32>(rows);
    }
};

constexpr int64_t most_classes_of_warps = 1024;

template <class Rung, class T>
void run_in(const SoftmaxCrossEntropyForward& args, Context& context) {
    using A = Accumulate<T>;
    A* losses = context.scratch.take<A>(args.batch);
    A* loss = static_cast<A*>(args.loss);
    if (args.class_weights == nullptr) {
        if (args.batch > 0) Rung::launch_rows(Rows<T, false>(args, context, losses));
        launch(average_losses<A>, 1, threads, 0, stream(), losses, args.batch, loss);
    } else {
        const Rows<T, true> rows(args, context, losses);
        if (args.batch > 0) Rung::launch_rows(rows);
        launch(average_weighted_losses<T>, 1, threads, 0, stream(), rows, static_cast<A*>(args.total_weight),
               loss);
    }
}

template <class Rung>
constexpr auto run = all_types([]<class T>(const SoftmaxCrossEntropyForward& args, Context& context) {
    run_in<Rung, T>(args, context);
});
constexpr auto run_naive = computed_types([]<class T>(const SoftmaxCrossEntropyForward& args,
                                                      Context& context) { run_in<Naive, T>(args, context); });

const char* refuses_many_classes(const SoftmaxCrossEntropyForward& args) {
    return args.classes <= most_classes_of_warps ? nullptr : "more than 1024 classes";
}

// Backward: d_logits = d_loss / W · (p · Σ w · target − w · target).

/// Numbers of T, which is Accumulate of what d_logits is stored in.
template <class T, bool weighted>
struct LogitsGradient {
    const T* probabilities;
    const T* d_loss;
    const T* total_weight;  // where there are weights
    T batch;
    Targets<T, weighted> targets;

    LogitsGradient(const SoftmaxCrossEntropyBackward& args, const Context& context)
        : probabilities(static_cast<const T*>(args.probabilities)),
          d_loss(static_cast<const T*>(args.d_loss)),
          total_weight(static_cast<const T*>(args.total_weight)),
          batch(static_cast<T>(args.batch)),
          targets(args, context) {}

    /// d_loss / W
    __device__ __forceinline__ T factor() const {
        if constexpr (weighted)
            return *total_weight > T(0) ? *d_loss / *total_weight : T(0);
        else
            return *d_loss / batch;
    }
};

/// One thread an element.
template <class T, bool weighted>
__global__ void __launch_bounds__(threads)
    subtract_targets(LogitsGradient<Accumulate<T>, weighted> gradient, GradientWriter<T> d_logits,
                     int64_t classes, int64_t count) {
    gradient.targets.take_settings();
    const int64_t i = thread_index();
    if (i >= count) return;
    const int64_t row = i / classes;
    const Accumulate<T> target = gradient.targets(i - row * classes, gradient.targets.of_row(row));
    d_logits(i, gradient.factor() * (gradient.probabilities[i] * gradient.targets.sum_of_row(row) - target));
}

/// One thread a pack, which may reach into the next rows; the last count % size elements go to the first
/// threads. Counts fit 32 bits: the division is several times cheaper.
template <class T, bool weighted>
__global__ void __launch_bounds__(threads, weighted ? 1 : 0)
    subtract_targets_packs(LogitsGradient<Accumulate<T>, weighted> gradient, ValuesWriter<T> d_logits,
                           int classes, int count) {
    using A = Accumulate<T>;
    gradient.targets.take_settings();
    constexpr int size = Pack<T>::size;
    const int packs = count / size;
    const int thread = static_cast<int>(thread_index());
    const A factor = gradient.factor();
    if (thread < packs) {
        const Pack<T> p = load_values<Pack<T>>(gradient.probabilities + thread * size);
        int row = thread * size / classes;
        int k = thread * size - row * classes;
        Labels own = gradient.targets.of_row(row);
        A sum = gradient.targets.sum_of_row(row);
        Pack<T> result;
        VITRINE_UNROLL
        for (int i = 0; i < size; ++i) {
            if (k == classes) {
                k = 0;
                own = gradient.targets.of_row(++row);
                sum = gradient.targets.sum_of_row(row);
            }
            result[i] = factor * (p[i] * sum - gradient.targets(k++, own));
        }
        d_logits(thread * size, result);
    }
    const int rest = packs * size + thread;
    if (rest < count) {
        const int row = rest / classes;
        const A target = gradient.targets(rest - row * classes, gradient.targets.of_row(row));
        const A sum = gradient.targets.sum_of_row(row);
        d_logits(rest, Single<T>{factor * (gradient.probabilities[rest] * sum - target)});
    }
}

// Each launches a kernel over elements.

struct Elements {
    template <class T, bool weighted>
    static void launch_gradient(const SoftmaxCrossEntropyBackward& args, const Context& context,
                                int64_t count) {
        launch(subtract_targets<T, weighted>, blocks_for(count, threads), threads, 0, stream(),
               LogitsGradient<Accumulate<T>, weighted>(args, context), GradientWriter<T>(args.d_logits),
               args.classes, count);
    }
};

struct Packs {
    template <class T, bool weighted>
    static void launch_gradient(const SoftmaxCrossEntropyBackward& args, const Context& context,
                                int64_t count) {
        launch(subtract_targets_packs<T, weighted>, blocks_for(divide_up(count, Pack<T>::size), threads),
               threads, 0, stream(), LogitsGradient<Accumulate<T>, weighted>(args, context),
               ValuesWriter<T>(args.d_logits), static_cast<int>(args.classes), static_cast<int>(count));
    }
};

template <class Rung>
constexpr auto run_backward = all_types([]<class T>(const SoftmaxCrossEntropyBackward& args,
                                                    Context& context) {
    const int64_t count = args.batch * args.classes;
    if (!args.d_logits || count == 0) return;
    if (args.class_weights == nullptr)
        Rung::template launch_gradient<T, false>(args, context, count);
    else
        Rung::template launch_gradient<T, true>(args, context, count);
});

const char* refuses_backward_packs(const SoftmaxCrossEntropyBackward& args) {
    if (!fits_int(args.batch * args.classes)) return "more than 2^31 − 1 logits";
    return aligned(args.probabilities, args.d_logits.data) ? nullptr : "a pointer is not aligned to 16 bytes";
}

constexpr Implementation<SoftmaxCrossEntropyForward> forward_list[]{
    {"warps", refuses_many_classes, run<Warps>},
    {"blocks", refuses_nothing, run<Blocks>},
    {"naive", refuses_nothing, run_naive}};
constexpr Implementation<SoftmaxCrossEntropyBackward> backward_list[]{
    {"packs", refuses_backward_packs, run_backward<Packs>},
    {"elements", refuses_nothing, run_backward<Elements>}};

}  // namespace

const Kernel<SoftmaxCrossEntropyForward> softmax_cross_entropy_forward{"softmax_cross_entropy_forward",
                                                                       forward_list};
const Kernel<SoftmaxCrossEntropyBackward> softmax_cross_entropy_backward{"softmax_cross_entropy_backward",
                                                                         backward_list};

}  // namespace vitrine::VITRINE_GPU
