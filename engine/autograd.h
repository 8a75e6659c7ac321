// Autograd: a tape of the ops that ran, walked backwards.
//
// Every op (engine/ops) computes its outputs and, while a tape is recording, appends a node: its name, the
// slots of its outputs' gradients, and a function that turns these gradients into those of its inputs. What
// backward needs of the forward pass is captured by that function, by name, and nothing else is kept: a
// tensor that nobody saved is freed as soon as the forward pass lets go of it. The order of recording is
// already a topological order, so backward is one walk from the end; each node is dropped as it is done, and
// its memory with it.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/tensor.h"
#include "engine/trace.h"
#include "kernels/gradient.h"

namespace vitrine {

struct NormGradient;

/// Collects the gradient of one tensor. The first contribution is written, later ones are accumulated.
class GradientSlot {
  public:
    GradientSlot(Shape shape, Placement placement) : shape_(std::move(shape)), placement_(placement) {}

    /// Memory for a kernel to put a contribution into, with the mode it must use.
    Gradient receive();
    /// A contribution that already exists as a tensor: shared without a copy where it is the first.
    void contribute(const Tensor& contribution);
    /// From now on the gradient stands in this memory, which nobody else may write to (step/state.h). What
    /// was collected before is forgotten.
    void collect_in(Tensor memory);
    /// Forgets the gradient but keeps its memory for the next one.
    void clear() { written_ = false; }
    /// What was collected, and where, becomes the other one's, and the other way round. Both are of the same shape.
    void exchange_collected(GradientSlot& other);

    /// Undefined until there is a contribution.
    Tensor gradient() const { return written_ ? gradient_ : Tensor(); }

    /// Where this is the gradient of a batch norm's scale: what is made of it (norm_gradient.h); else null.
    const std::shared_ptr<NormGradient>& norm() const { return norm_; }
    void set_norm(std::shared_ptr<NormGradient> norm) { norm_ = std::move(norm); }

  private:
    void own_memory();

    Shape shape_;
    Placement placement_;
    Tensor gradient_;
    bool written_ = false;
    bool has_place_ = false;  // collect_in
    std::shared_ptr<NormGradient> norm_;
};

/// The gradient to hand to a kernel: null if the tensor wants none.
inline Gradient receive(const std::shared_ptr<GradientSlot>& slot) {
    return slot ? slot->receive() : Gradient{};
}

struct Node {
    const char* name;    // of the op
    std::string module;  // that ran it
    uint64_t number;     // of its forward event (engine/trace.h)
    std::vector<std::shared_ptr<GradientSlot>> outputs;
    std::vector<const GradientSlot*> inputs;  // that want a gradient
    /// The gradients of the outputs in their order, not all undefined.
    std::function<void(std::span<const Tensor> gradients)> backward;
};

/// Told of a slot when the last op that can add to it is done.
using SlotListener = std::function<void(const GradientSlot* slot)>;

class Tape {
  public:
    void append(Node node) { nodes_.push_back(std::move(node)); }
    size_t size() const { return nodes_.size(); }

    /// Gradients of all tensors that require one, of a loss with a single element. The tape is empty
    /// afterwards. `d_loss` is what the loss counts for: undefined is 1, which has to be sent to the device.
    void backward(const Tensor& loss, Tensor d_loss = {}, const SlotListener& finished = {});
    /// The same from gradients that were passed to the slots of some outputs by hand.
    void backward_from_slots(const SlotListener& finished = {});

  private:
    static void run(const Node& node);

    std::vector<Node> nodes_;
};

/// While it lives, ops of this thread are recorded. Without one nothing is kept: evaluation.
class Recording {
  public:
    explicit Recording(Tape& tape);
    ~Recording();
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

  private:
    Tape* previous_;
};

/// What ops of a thread belong to: the tape that records them and the modules that run.
struct OpContext {
    Tape* tape = nullptr;
    std::vector<std::string> modules{};
};
/// The thread's becomes `other`, and `other` what was the thread's: for code that several take turns in (step/lockstep.h).
void swap_op_context(OpContext& other);

/// Called by an op when its outputs are computed. Records the op if a tape is recording and an input wants a gradient;
/// `backward` then gets the outputs' gradients, in their order: those that nobody used are undefined. Observers
/// (engine/trace.h) see every op, its first output and its options, recorded or not.
void record_outputs(const char* name, std::initializer_list<Tensor> inputs,
                    std::initializer_list<std::reference_wrapper<Tensor>> outputs,
                    std::function<void(std::span<const Tensor> gradients)> backward,
                    const OpOptions& options = {});

/// The same of an op with a single output: backward(d_y).
template <class Backward>
void record(const char* name, std::initializer_list<Tensor> inputs, Tensor& y, Backward backward,
            const OpOptions& options = {}) {
    record_outputs(
        name, inputs, {y},
        [backward = std::move(backward)](std::span<const Tensor> gradients) { backward(gradients[0]); },
        options);
}

}  // namespace vitrine
