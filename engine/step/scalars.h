// The few numbers that steps leave and find in the device's memory, so that the host need not wait for any of them:
// what each batch and each update came to, what one step hands on to the next, what was decided of an update.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/tensor.h"
#include "kernels/device_collective.h"

namespace vitrine {

/// Of one batch.
struct BatchResult {
    double loss = 0.0;  // mean of the batch
    int64_t top1 = 0, top5 = 0;
};

/// Of one update.
struct UpdateResult {
    double norm = 0.0;     // of the gradients, before they were clipped; 0 where it was not measured
    bool followed = true;  // false: parameters, momentum and average stayed as they were
};

/// Of a loss whose gradients are stored in f16 (LossScale of kernels/optim.h).
struct LossScaleState {
    double scale = 1.0;
    int64_t followed_in_turn = 0;  // updates since it was changed

    bool operator==(const LossScaleState&) const = default;
};

class StepScalars {
  public:
    /// Batches and updates between two readings, at most.
    static constexpr int64_t capacity = 512;

    explicit StepScalars(Placement placement);

    /// For kernels: StepState<T> and UpdateDecision<T>, T being the dtype of the placement, f32 or f64.
    void* state() const { return at(0); }
    void* decision() const { return at(state_size); }
    /// A BatchRecord<T> and an UpdateRecord<T> that nobody has used since the last reading; that of a batch is
    /// the next one's too, unless it is kept. Throws std::logic_error beyond `capacity`.
    void* next_batch() const;
    void keep_batch() { ++batches_; }
    void* next_update();
    bool has_room(int64_t batches) const { return batches_ + batches <= capacity && updates_ < capacity; }
    /// Records that are in use since the last reading.
    struct Used {
        int64_t batches = 0, updates = 0;
    };
    Used used() const { return {batches_, updates_}; }
    void use(const Used& used) {
        batches_ = used.batches;
        updates_ = used.updates;
    }

    /// Records from `first` on, so many: an equal part of them is each process's own, in the order of the processes, and all
    /// become known to all. A loss among them that is not finite keeps updates here from being made, too.
    void share(int64_t first, int64_t count, DeviceCollective& processes);

    struct Reading {
        std::vector<BatchResult> batches;
        std::vector<UpdateResult> updates;
        double gradient_norm_ema = 0.0;
        LossScaleState loss_scale;
    };
    /// All since the last reading. Waits for the device.
    Reading read();

    /// [1]: what the next batch's loss counts for.
    Tensor loss_scale() const;

    /// What the next decision finds; no update may be unread.
    void set_loss_scale(LossScaleState scale);
    void set_gradient_norm_ema(double norm);
    void set_average_updates(int64_t updates);

  private:
    static constexpr int64_t state_size = 5, decision_size = 4, batch_size = 3, update_size = 2;
    static constexpr int64_t first_batch = state_size + decision_size;
    static constexpr int64_t first_update = first_batch + capacity * batch_size;
    static constexpr int64_t all = first_update + capacity * update_size;

    void* at(int64_t element) const;
    void set(int64_t element, double value);

    Tensor numbers_;  // [all]: state, decision, batches, updates
    int64_t batches_ = 0, updates_ = 0;
};

}  // namespace vitrine
