// Batches as files: see batch_dump.h.

#include "tools/train/batch_dump.h"

#include <fmt/format.h>

#include <system_error>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/input_file.h"
#include "engine/safetensors.h"
#include "tools/train/own_files.h"

namespace vitrine::train {
namespace {

/// [count, height, width, 3] as [count, 3, height, width].
SafeTensor images_of(const Tensor& images) {
    const std::vector<double> from = images.to_host<double>();
    const int64_t count = images.shape()[0], height = images.shape()[1], width = images.shape()[2],
                  channels = images.shape()[3], pixels = height * width;
    std::vector<double> to(from.size());
    for (int64_t n = 0; n < count; ++n) {
        for (int64_t i = 0; i < pixels; ++i) {
            for (int64_t c = 0; c < channels; ++c) {
                to[static_cast<size_t>((n * channels + c) * pixels + i)] =
                    from[static_cast<size_t>((n * pixels + i) * channels + c)];
            }
        }
    }
    const Shape shape{count, channels, height, width};
    return images.dtype() == DType::f64 ? SafeTensor::f64("images", shape, to)
                                        : SafeTensor::f32("images", shape, to);
}

template <class T>
SafeTensor whole_numbers(const char* name, const std::vector<T>& values) {
    return SafeTensor::i64(name, {static_cast<int64_t>(values.size())},
                           std::vector<double>(values.begin(), values.end()));
}

}  // namespace

BatchDump::BatchDump(const std::filesystem::path& run, int64_t count)
    : folder_(run / batch_folder), left_(count) {}

void BatchDump::write(nn::Module& model, const NetworkInput& input, const Batch& batch, int64_t number) {
    if (left_ == 0) return;
    --left_;
    if (!begun_) {
        std::error_code failure;
        std::filesystem::create_directory(folder_, failure);
        if (failure) throw FileError("create", folder_, failure.message());
        save_model(folder_ / batch_weights_file, model, {}, Links::refuse);
        begun_ = true;
    }
    SafeTensors file;
    file.tensors = {images_of(input.images), whole_numbers("labels", input.labels.to_host<int32_t>()),
                    whole_numbers("samples", batch.samples)};
    if (input.labels_b.defined()) {
        file.tensors.push_back(whole_numbers("labels_b", input.labels_b.to_host<int32_t>()));
        file.tensors.push_back(SafeTensor::f64("lambda", {1}, std::vector<double>{input.lambda}));
    }
    write_safetensors(folder_ / fmt::format("batch-{:09}.safetensors", number), file, Links::refuse);
}

}  // namespace vitrine::train
