// A model as a graph: see graph.h.

#include "tools/export/graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "engine/checkpoint.h"

namespace vitrine::exporting {
namespace {

SafeTensor as_f32(SafeTensor tensor) {
    return tensor.dtype == "F32" ? std::move(tensor)
                                 : SafeTensor::f32(tensor.name, tensor.shape, tensor.values());
}

/// Puts names to tensors: a parameter's own, and to what an op puts out that of the module that ran it.
class Recorder {
  public:
    Recorder(nn::Module& model, const Tensor& images) {
        for (const nn::NamedParameter& named : model.state()) {
            parameters_.emplace(named.value().data(), named);
            taken_.insert(named.name);
        }
        name(images, graph_.input);
    }

    void add(const OpEvent& event) {
        Node node{event.op, event.module, {}, {}, event.options};
        for (const Tensor& input : event.inputs) node.inputs.push_back(name_of(input, event));
        const bool view = event.inputs.front().data() == event.output().data();
        if (!view) forget(event.output());
        node.output = unused(event.module.empty() ? event.op : event.module);
        name(event.output(), node.output);
        graph_.nodes.push_back(std::move(node));
    }

    Graph finish(const Tensor& logits) {
        const std::string last = values_.at(key_of(logits));
        for (Node& node : graph_.nodes) {
            std::ranges::replace(node.inputs, last, graph_.output);
            if (node.output == last) node.output = graph_.output;
        }
        graph_.classes = logits.shape()[-1];
        return std::move(graph_);
    }

  private:
    using Key = std::pair<const void*, std::vector<int64_t>>;  // views differ in their shapes

    static Key key_of(const Tensor& tensor) { return {tensor.data(), tensor.shape().extents()}; }

    void name(const Tensor& tensor, const std::string& name) {
        values_[key_of(tensor)] = name;
        taken_.insert(name);
    }

    /// Memory that somebody else had before.
    void forget(const Tensor& tensor) {
        std::erase_if(values_, [&](const auto& value) { return value.first.first == tensor.data(); });
    }

    std::string unused(const std::string& wanted) const {
        std::string name = wanted;
        for (int i = 1; taken_.contains(name) || name == graph_.output; ++i)
            name = wanted + "_" + std::to_string(i);
        return name;
    }

    std::string name_of(const Tensor& tensor, const OpEvent& event) {
        if (!tensor.defined()) return "";
        const auto parameter = parameters_.find(tensor.data());
        if (parameter != parameters_.end()) {
            const nn::NamedParameter& named = parameter->second;
            if (graph_.parameter(named.name) == nullptr)
                graph_.parameters.push_back(
                    as_f32(in_torch_layout(named.name, named.value(), *named.parameter)));
            return named.name;
        }
        const auto value = values_.find(key_of(tensor));
        if (value == values_.end())
            throw std::logic_error(std::string("record_graph: ") + event.op + " in " + event.module +
                                   " reads what no op has put out");
        return value->second;
    }

    Graph graph_;
    std::map<const void*, nn::NamedParameter> parameters_;
    std::map<Key, std::string> values_;
    std::set<std::string> taken_;
};

}  // namespace

const SafeTensor* Graph::parameter(const std::string& name) const {
    const auto found = std::ranges::find(parameters, name, &SafeTensor::name);
    return found == parameters.end() ? nullptr : &*found;
}

SafeTensor* Graph::parameter(const std::string& name) {
    return const_cast<SafeTensor*>(std::as_const(*this).parameter(name));
}

int64_t Graph::readers(const std::string& name) const {
    int64_t count = name == output;
    for (const Node& node : nodes) count += std::ranges::count(node.inputs, name);
    return count;
}

Graph record_graph(nn::Module& model, int64_t image_size) {
    model.set_training(false);
    model.set_fused(false);
    const Tensor images =
        Tensor::zeros({1, image_size, image_size, 3}, model.state().front().value().placement());
    Recorder recorder(model, images);
    const Trace trace([&](const OpEvent& event) { recorder.add(event); });
    const Tensor logits = model(images);
    Graph graph = recorder.finish(logits);
    graph.image_size = image_size;
    return graph;
}

}  // namespace vitrine::exporting
