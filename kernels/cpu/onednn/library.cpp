// The shared parts of this folder.

#include "kernels/cpu/onednn/library.h"

#include <string>

#include "kernels/cpu/onednn/onednn.h"

namespace vitrine::cpu::onednn {

std::string version() {
    const dnnl_version_t* const library = dnnl_version();
    return std::to_string(library->major) + "." + std::to_string(library->minor) + "." +
           std::to_string(library->patch);
}

dnnl::engine& engine() {
    static dnnl::engine only(dnnl::engine::kind::cpu, 0);
    return only;
}

dnnl::stream& stream() {
    static dnnl::stream only(engine());
    return only;
}

const char* refuses_dtype(DType dtype) { return dtype == DType::f32 ? nullptr : "oneDNN has no f64"; }

dnnl::primitive_attr attributes() {
    dnnl::primitive_attr result;
    result.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return result;
}

namespace {

dnnl::reorder::primitive_desc reorder_descriptor(const Descriptor& from, const Descriptor& to,
                                                 GradMode mode) {
    dnnl::primitive_attr attribute = attributes();
    if (mode == GradMode::accumulate) {
        dnnl::post_ops add;
        add.append_sum(1.0f);
        attribute.set_post_ops(add);
    }
    return {engine(), from, engine(), to, attribute};
}

}  // namespace

Reorder::Reorder(const Descriptor& from, const Descriptor& to, GradMode mode)
    : needed_(from != to || mode == GradMode::accumulate),
      from_(from),
      to_(to),
      copy_(reorder_descriptor(from, to, mode)) {}

void Reorder::execute(const dnnl::memory& from, const dnnl::memory& to, Context& context) const {
    copy_.execute({{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, context);
}

dnnl::memory Reorder::input(const void* data, Context& context) const {
    const dnnl::memory source = memory_at(from_, data);
    if (!needed_) return source;
    const dnnl::memory target = scratch_memory(to_, context);
    execute(source, target, context);
    return target;
}

dnnl::memory Reorder::output(void* data, Context& context) const {
    return needed_ ? scratch_memory(from_, context) : memory_at(from_, data);
}

void Reorder::deliver(const dnnl::memory& result, void* data, Context& context) const {
    if (needed_) execute(result, memory_at(to_, data), context);
}

void put(const float* values, const Gradient& gradient, int64_t count) {
    if (!gradient) return;
    const GradientWriter<float> writer(gradient);
    for (int64_t i = 0; i < count; ++i) writer(i, values[i]);
}

}  // namespace vitrine::cpu::onednn
