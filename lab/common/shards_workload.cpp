// Batch norm over the shards of a batch, as kernels that no model launches by themselves: see workloads.h.

#include <fmt/format.h>

#include <memory>
#include <string>

#include "kernels/kernels.h"
#include "lab/common/random_tensor.h"
#include "lab/common/workloads.h"

namespace vitrine::tools {
namespace {

/// A batch norm over shards, between the passes over their values: the moments put together and what follows from them, and back.
class NormOfShards {
  public:
    explicit NormOfShards(const WorkloadOptions& options)
        : placement_{DType::f32, options.device},
          rows_(options.batch_size * 14 * 14),
          moments_of_shards_(random_tensor({shards, 2, channels}, placement_)),
          d_merged_(random_tensor(moments_of_shards_.shape(), placement_)),
          given_(random_tensor({4, channels}, placement_)),
          kept_(Tensor::zeros({2, channels}, placement_)),
          made_(Tensor::empty({11, channels}, placement_)) {}

    void run(LayerTimer& timer) const {
        const KernelTable& table = kernels(placement_.device);
        const std::string all = fmt::format("{} shards, {} channels", shards, channels),
                          merged = fmt::format("{} channels", channels);
        timer.time("merge_moments", all, Pass::forward, [&] { table.merge_moments_forward(merge()); });
        timer.time("normalize", merged, Pass::forward, [&] { table.normalize_forward(normalize()); });
        timer.time("normalize", merged, Pass::backward,
                   [&] { table.normalize_backward(normalize_backward()); });
        timer.time("merge_moments", all, Pass::backward,
                   [&] { table.merge_moments_backward(merge_backward()); });
    }

  private:
    static constexpr int64_t shards = 4, channels = 576;  // as many as MobileNetV2's at 14x14
    // Rows of given_, of kept_ and of made_.
    enum Given : uint8_t { weight, bias, d_scale, d_shift };
    enum Kept : uint8_t { running_mean, running_variance };
    enum Made : uint8_t { mean, m2, scale, shift, rstd, d_mean, d_m2, d_weight, d_bias, d_moments };

    static void* row(const Tensor& tensor, int64_t index) {
        return static_cast<float*>(tensor.data()) + index * channels;
    }

    MergeMomentsForward merge() const {
        return {.dtype = placement_.dtype,
                .shards = shards,
                .rows = rows_,
                .channels = channels,
                .copies = 1,
                .moments = moments_of_shards_.data(),
                .merged = row(made_, mean)};
    }
    MergeMomentsBackward merge_backward() const {
        return {.dtype = placement_.dtype,
                .shards = shards,
                .rows = rows_,
                .channels = channels,
                .wanted = 1,
                .moments = moments_of_shards_.data(),
                .merged = row(made_, mean),
                .d_merged = d_merged_.data(),
                .d_moments = {row(made_, d_moments)}};
    }
    NormalizeForward normalize() const {
        return {.dtype = placement_.dtype,
                .training = true,
                .rows = shards * rows_,
                .channels = channels,
                .epsilon = 1e-5,
                .momentum = 0.1,
                .mean = row(made_, mean),
                .m2 = row(made_, m2),
                .weight = row(given_, weight),
                .bias = row(given_, bias),
                .running_mean = row(kept_, running_mean),
                .running_variance = row(kept_, running_variance),
                .scale = row(made_, scale),
                .shift = row(made_, shift),
                .rstd = row(made_, rstd)};
    }
    NormalizeBackward normalize_backward() const {
        return {.dtype = placement_.dtype,
                .rows = shards * rows_,
                .channels = channels,
                .mean = row(made_, mean),
                .rstd = row(made_, rstd),
                .weight = row(given_, weight),
                .d_scale = row(given_, d_scale),
                .d_shift = row(given_, d_shift),
                .d_mean = {row(made_, d_mean)},
                .d_m2 = {row(made_, d_m2)},
                .d_weight = {row(made_, d_weight)},
                .d_bias = {row(made_, d_bias)}};
    }

    Placement placement_;
    int64_t rows_;  // of a shard
    Tensor moments_of_shards_, d_merged_, given_, kept_, made_;
};

}  // namespace

Workload shards_workload(const WorkloadOptions& options) {
    const auto norm = std::make_shared<NormOfShards>(options);
    return {"batch norm over a batch's shards, between the passes over their values",
            [norm](LayerTimer& timer) { norm->run(timer); }, options.device};
}

}  // namespace vitrine::tools
