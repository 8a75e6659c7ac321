// What every file of this folder shares: oneDNN's engine and stream, memory descriptors, primitives kept by
// shape, and reorders between the contract's weight layouts and the library's.
#pragma once

#include <omp.h>

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dnnl.hpp"
#include "kernels/context.h"
#include "kernels/dtype.h"
#include "kernels/gradient.h"

namespace vitrine::cpu::onednn {

using Descriptor = dnnl::memory::desc;
using Dimensions = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;
using Arguments = std::unordered_map<int, dnnl::memory>;

dnnl::engine& engine();
dnnl::stream& stream();

/// Null for f32, else the reason why oneDNN refuses.
const char* refuses_dtype(DType dtype);

inline Descriptor f32(const Dimensions& dimensions, Tag tag) {
    return {dimensions, dnnl::memory::data_type::f32, tag};
}
inline Descriptor f32_strided(const Dimensions& dimensions, const Dimensions& strides) {
    return {dimensions, dnnl::memory::data_type::f32, strides};
}
inline Descriptor f32_vector(int64_t count) { return f32({count}, Tag::a); }

/// oneDNN takes inputs and outputs alike as void*; an input is never written.
inline dnnl::memory memory_at(const Descriptor& descriptor, const void* data) {
    return {descriptor, engine(), const_cast<void*>(data)};
}

/// Memory of that layout that lives until the kernel returns.
inline dnnl::memory scratch_memory(const Descriptor& descriptor, Context& context) {
    return memory_at(descriptor, context.scratch.take(descriptor.get_size()));
}

/// Primitives allocate nothing by themselves: their working memory is ours.
dnnl::primitive_attr attributes();

/// Whether the library takes a primitive's arguments themselves. Before oneDNN 3 they make up an "operation
/// descriptor" first, and a few arguments are not there yet.
inline constexpr bool takes_arguments = DNNL_VERSION_MAJOR >= 3;

template <class Primitive, class... Args>
typename Primitive::primitive_desc describe_forward(const Args&... args) {
    if constexpr (takes_arguments) {
        return {engine(), args..., attributes()};
    } else {
        return {{args...}, attributes(), engine()};
    }
}

/// oneDNN asks for the forward pass as a hint.
template <class Primitive, class ForwardDescriptor, class... Args>
typename Primitive::primitive_desc describe_backward(const ForwardDescriptor& forward, const Args&... args) {
    if constexpr (takes_arguments) {
        return {engine(), args..., forward, attributes()};
    } else {
        return {{args...}, attributes(), engine(), forward};
    }
}

/// A primitive that is ready to run, and what was decided for it: layouts and the size of its working memory.
template <class Primitive>
struct Compiled {
    using PrimitiveDescriptor = typename Primitive::primitive_desc;

    explicit Compiled(const PrimitiveDescriptor& chosen) : descriptor(chosen), primitive(chosen) {}

    void execute(Arguments arguments, Context& context) const {
        // oneDNN 3 refuses what a primitive has no use for.
        const Descriptor working_memory = descriptor.scratchpad_desc();
        if (working_memory.get_size() > 0)
            arguments.emplace(DNNL_ARG_SCRATCHPAD, scratch_memory(working_memory, context));
        primitive.execute(stream(), arguments);
        stream().wait();
    }

    PrimitiveDescriptor descriptor;
    Primitive primitive;
};

/// A copy from one layout to another, written or accumulated.
class Reorder {
  public:
    Reorder(const Descriptor& from, const Descriptor& to, GradMode mode);

    /// False if the layouts are one and the same and nothing is to be added: the copy can be left out.
    bool needed() const { return needed_; }
    void execute(const dnnl::memory& from, const dnnl::memory& to, Context& context) const;

    /// `data` is in the layout `from`: the same values in the layout `to`, in scratch memory if need be.
    dnnl::memory input(const void* data, Context& context) const;
    /// Where a primitive leaves a gradient in the layout `from`: scratch memory, or `data` itself if no copy
    /// is needed. To be followed by deliver().
    dnnl::memory output(void* data, Context& context) const;
    /// Brings what was left in output() into `data`, which is in the layout `to`.
    void deliver(const dnnl::memory& result, void* data, Context& context) const;

  private:
    bool needed_;
    Descriptor from_;
    Descriptor to_;
    Compiled<dnnl::reorder> copy_;
};

/// Adds or writes `count` values to a gradient that may be absent; for the small ones.
void put(const float* values, const Gradient& gradient, int64_t count);

/// Numbers that tell one plan of a kind from the others.
using Key = std::vector<int64_t>;

/// Plans (a primitive and its reorders) by shape. A network has a few hundred; whoever goes through shapes
/// without end starts over at `most`.
template <class Plan>
class PlanCache {
  public:
    /// The plan for `key` and the current number of threads, to which oneDNN cuts its primitives. `make`
    /// builds it the first time.
    template <class Make>
    const Plan& get(Key key, Make make) {
        key.push_back(omp_get_max_threads());
        const auto found = plans_.find(key);
        if (found != plans_.end()) return found->second;
        if (plans_.size() >= most) plans_.clear();
        return plans_.emplace(std::move(key), make()).first->second;
    }

  private:
    static constexpr size_t most = 1024;
    std::map<Key, Plan> plans_;
};

}  // namespace vitrine::cpu::onednn
