// What the network was fed, for another program to be fed the same (--dump-batches).
//
//     batches/weights.safetensors          the model before the first of them
//     batches/batch-000000001.safetensors  each batch as PyTorch lays it out, counted over the run:
//         images    [count, 3, height, width]  in the run's precision, augmented and normalised
//         labels    [count] i64
//         labels_b  [count] i64, lambda [1] f64     of mixed batches: the target is lambda · labels + (1 − lambda) · labels_b
//         samples   [count] i64                     which images of the training set they are
#pragma once

#include <cstdint>
#include <filesystem>

#include "data/loader.h"
#include "engine/nn/module.h"
#include "engine/step/input.h"

namespace vitrine::train {

class BatchDump {
  public:
    /// Nothing is written yet.
    BatchDump(const std::filesystem::path& run, int64_t count);

    /// Writes the run's batch `number`, which the model is about to see, as long as there are some left to write. Throws
    /// Error where that cannot be done.
    void write(nn::Module& model, const NetworkInput& input, const Batch& batch, int64_t number);

  private:
    std::filesystem::path folder_;
    int64_t left_;
    bool begun_ = false;
};

}  // namespace vitrine::train
