// Module: a named part of a model with parameters, buffers and submodules.
//
// Names are PyTorch's: a parameter's full name is the path of its modules and its own name,
// "features.0.0.weight".
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/nn/parameter.h"
#include "engine/ops/ops.h"
#include "engine/tensor.h"

namespace vitrine::nn {

/// What a layer moves over an image, for the layer table.
struct Window {
    const char* convolution = "";  // "dense", "depthwise" or "pointwise"; empty for a pool
    int64_t kernel = 1, stride = 1;
};

class Module {
  public:
    Module() = default;
    virtual ~Module() = default;
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    /// Runs forward(); ops inside are traced under this module's name. A tensor for a tensor; what is pending may stay so.
    Tensor operator()(const Tensor& x) { return ops::resolve((*this)(Pending(x))); }
    Pending operator()(const Pending& x);

    /// PyTorch's name of the class, for the layer table: "Conv2d".
    virtual std::string kind() const = 0;
    /// Of convolutions and pools.
    virtual std::optional<Window> window() const { return std::nullopt; }

    /// Batch norm and dropout behave differently in training (the default) and evaluation.
    void set_training(bool training);
    bool training() const { return training_; }
    /// Whether this module (and none below it) stays in evaluation mode whatever set_training() says: batch norms of
    /// parts that are not trained.
    void keep_in_evaluation(bool keep);
    /// Fused, batch norms and activations stay pending (engine/pending.h) until a convolution reads their result, and
    /// take no passes over memory of their own. The same function but for rounding; not fused is the default.
    void set_fused(bool fused);
    bool fused() const { return fused_; }
    /// Fused layers write every output all the same, for somebody who wants to see it: none is left as an Expansion.
    void set_writes_all(bool writes_all);
    bool writes_all() const { return writes_all_; }
    /// The step decides the masks of dropout: see DropoutForward. The seed is that of the run.
    void set_step(uint64_t seed, uint32_t step);
    /// Where shards of a batch meet that run side by side, which are then numbered from the step on; null: this is the only one. In
    /// training, batch norms have their statistics over all of them.
    void set_meeting(ShardMeeting* meeting);

    const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& children() const { return children_; }
    std::deque<Parameter>& own_parameters() { return parameters_; }

    /// Calls visit(path, module) for this module (path "") and all below it, parents first.
    void for_each_module(const std::function<void(const std::string& path, Module& module)>& visit);
    /// All parameters and buffers with full names, in PyTorch's order of a state_dict.
    std::vector<NamedParameter> state();
    /// Those of state() that are trained.
    std::vector<NamedParameter> trainable();

  protected:
    virtual Pending forward(const Pending& x) = 0;

    /// Adds a submodule under a name and returns it.
    template <class M>
    std::shared_ptr<M> add(std::string name, std::shared_ptr<M> module) {
        module->name_ = name;
        children_.emplace_back(std::move(name), module);
        return module;
    }
    /// Adds a parameter, which is allocated and asks for a gradient if it is trained. It stays where it is as
    /// long as the module; its tensor may become another (step/state.h).
    Parameter* add(Parameter parameter);

    uint64_t seed() const { return seed_; }
    /// Of the shard that is running.
    uint32_t step() const;
    ShardMeeting* meeting() const { return meeting_; }

  private:
    void for_each_module(const std::string& path,
                         const std::function<void(const std::string& path, Module& module)>& visit);

    std::string name_;
    std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
    std::deque<Parameter> parameters_;
    bool training_ = true;
    bool kept_in_evaluation_ = false;
    bool fused_ = false;
    bool writes_all_ = false;
    uint64_t seed_ = 0;
    uint32_t step_ = 0;
    ShardMeeting* meeting_ = nullptr;
};

/// Modules one after the other, named "0", "1", ….
class Sequential : public Module {
  public:
    std::string kind() const override { return "Sequential"; }

    /// Appends a module under the next number.
    template <class M, class... Args>
    std::shared_ptr<M> append(Args&&... args) {
        return append_module(std::make_shared<M>(std::forward<Args>(args)...));
    }
    template <class M>
    std::shared_ptr<M> append_module(std::shared_ptr<M> module) {
        return add(std::to_string(children().size()), std::move(module));
    }

  protected:
    Pending forward(const Pending& x) override;
};

}  // namespace vitrine::nn
