// ONNX by the letter: see evaluator.h.

#include "tests/onnx/evaluator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace vitrine::tests {
namespace {

int64_t product(std::span<const int64_t> extents) {
    return std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies{});
}

Array zeros(std::vector<int64_t> shape) {
    const auto count = static_cast<size_t>(product(shape));
    return {std::move(shape), std::vector<double>(count)};
}

Array of_initializer(const onnx::TensorProto& tensor) {
    if (tensor.data_type() != onnx::TensorProto::FLOAT)
        throw std::runtime_error("an initializer of another type");
    Array array = zeros({tensor.dims().begin(), tensor.dims().end()});
    std::vector<float> values(array.values.size());
    if (tensor.raw_data().size() != values.size() * sizeof(float))
        throw std::runtime_error("an initializer of another size");
    std::memcpy(values.data(), tensor.raw_data().data(), tensor.raw_data().size());
    std::ranges::copy(values, array.values.begin());
    return array;
}

/// A node's attributes; each must be one that somebody asks for.
class Attributes {
  public:
    explicit Attributes(const onnx::NodeProto& node) {
        for (const onnx::AttributeProto& attribute : node.attribute()) by_name_[attribute.name()] = attribute;
    }
    int64_t whole(const std::string& name, int64_t usual) {
        const auto found = find(name);
        return found == nullptr ? usual : found->i();
    }
    double real(const std::string& name, double usual) {
        const auto found = find(name);
        return found == nullptr ? usual : static_cast<double>(found->f());
    }
    std::vector<int64_t> list(const std::string& name, std::vector<int64_t> usual) {
        const auto found = find(name);
        return found == nullptr ? usual : std::vector<int64_t>(found->ints().begin(), found->ints().end());
    }
    void check_all_known(const std::string& type) const {
        for (const auto& [name, attribute] : by_name_) {
            if (!asked_.contains(name)) throw std::runtime_error(type + " has an attribute " + name);
        }
    }

  private:
    const onnx::AttributeProto* find(const std::string& name) {
        asked_.insert(name);
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? nullptr : &found->second;
    }

    std::map<std::string, onnx::AttributeProto> by_name_;
    std::set<std::string> asked_;
};

/// Windows over the last two axes of [N, C, H, W].
struct Windows {
    std::vector<int64_t> kernel, strides, pads;
    int64_t out_height, out_width;

    Windows(Attributes& attributes, const Array& x, std::vector<int64_t> default_kernel)
        : kernel(attributes.list("kernel_shape", std::move(default_kernel))),
          strides(attributes.list("strides", {1, 1})),
          pads(attributes.list("pads", {0, 0, 0, 0})),
          out_height((x.shape[2] + pads[0] + pads[2] - kernel[0]) / strides[0] + 1),
          out_width((x.shape[3] + pads[1] + pads[3] - kernel[1]) / strides[1] + 1) {}

    /// visit(row and column in the window, element of the plane) of those that are not padding.
    template <class Visit>
    void visit(const Array& x, int64_t i, int64_t j, Visit visit) const {
        for (int64_t p = 0; p < kernel[0]; ++p) {
            for (int64_t q = 0; q < kernel[1]; ++q) {
                const int64_t row = i * strides[0] + p - pads[0], column = j * strides[1] + q - pads[1];
                if (row < 0 || row >= x.shape[2] || column < 0 || column >= x.shape[3]) continue;
                visit(static_cast<size_t>(p * kernel[1] + q), static_cast<size_t>(row * x.shape[3] + column));
            }
        }
    }
};

using Inputs = std::vector<const Array*>;

Array conv(const Inputs& inputs, Attributes& attributes) {
    const Array &x = *inputs[0], &w = *inputs[1];
    const Windows windows(attributes, x, {w.shape[2], w.shape[3]});
    const int64_t groups = attributes.whole("group", 1);
    const int64_t in_each = x.shape[1] / groups, out_each = w.shape[0] / groups;
    if (w.shape[1] != in_each) throw std::runtime_error("Conv: a weight of other groups");
    Array y = zeros({x.shape[0], w.shape[0], windows.out_height, windows.out_width});
    const auto plane = static_cast<size_t>(x.shape[2] * x.shape[3]);
    const auto taps = static_cast<size_t>(w.shape[2] * w.shape[3]);
    size_t at = 0;
    for (int64_t n = 0; n < x.shape[0]; ++n) {
        for (int64_t o = 0; o < w.shape[0]; ++o) {
            for (int64_t i = 0; i < windows.out_height; ++i) {
                for (int64_t j = 0; j < windows.out_width; ++j, ++at) {
                    double sum = inputs.size() > 2 ? inputs[2]->values[static_cast<size_t>(o)] : 0.0;
                    windows.visit(x, i, j, [&](size_t tap, size_t pixel) {
                        for (int64_t c = 0; c < in_each; ++c) {
                            const int64_t channel = o / out_each * in_each + c;
                            sum += w.values[static_cast<size_t>(o * in_each + c) * taps + tap] *
                                   x.values[static_cast<size_t>(n * x.shape[1] + channel) * plane + pixel];
                        }
                    });
                    y.values[at] = sum;
                }
            }
        }
    }
    return y;
}

enum class Pool { maximum, average };

Array pool(const Array& x, Attributes& attributes, Pool kind) {
    const Windows windows(attributes, x, {});
    const bool with_padding = kind == Pool::average && attributes.whole("count_include_pad", 0) != 0;
    Array y = zeros({x.shape[0], x.shape[1], windows.out_height, windows.out_width});
    const auto plane = static_cast<size_t>(x.shape[2] * x.shape[3]);
    size_t at = 0;
    for (size_t image = 0; image < static_cast<size_t>(x.shape[0] * x.shape[1]); ++image) {
        for (int64_t i = 0; i < windows.out_height; ++i) {
            for (int64_t j = 0; j < windows.out_width; ++j, ++at) {
                double sum = 0.0, most = -std::numeric_limits<double>::infinity(), count = 0.0;
                windows.visit(x, i, j, [&](size_t, size_t pixel) {
                    const double value = x.values[image * plane + pixel];
                    sum += value, most = std::max(most, value), count += 1.0;
                });
                if (with_padding) count = static_cast<double>(product(windows.kernel));
                y.values[at] = kind == Pool::maximum ? most : sum / count;
            }
        }
    }
    return y;
}

Array global_average_pool(const Array& x) {
    Array y = zeros({x.shape[0], x.shape[1], 1, 1});
    const auto plane = static_cast<size_t>(x.shape[2] * x.shape[3]);
    for (size_t image = 0; image < y.values.size(); ++image) {
        for (size_t pixel = 0; pixel < plane; ++pixel) y.values[image] += x.values[image * plane + pixel];
        y.values[image] /= static_cast<double>(plane);
    }
    return y;
}

Array batch_normalization(const Inputs& inputs, Attributes& attributes) {
    const Array &x = *inputs[0], &scale = *inputs[1], &shift = *inputs[2], &mean = *inputs[3],
                &variance = *inputs[4];
    const double epsilon = attributes.real("epsilon", 1e-5);
    Array y = x;
    const auto plane = static_cast<size_t>(x.shape[2] * x.shape[3]);
    for (size_t i = 0; i < y.values.size(); ++i) {
        const size_t c = i / plane % static_cast<size_t>(x.shape[1]);
        y.values[i] =
            (x.values[i] - mean.values[c]) / std::sqrt(variance.values[c] + epsilon) * scale.values[c] +
            shift.values[c];
    }
    return y;
}

Array gemm(const Inputs& inputs, Attributes& attributes) {
    if (attributes.whole("transB", 0) != 1) throw std::runtime_error("Gemm: B as it is");
    const Array &a = *inputs[0], &b = *inputs[1];
    const int64_t depth = a.shape[1];
    Array y = zeros({a.shape[0], b.shape[0]});
    for (int64_t i = 0; i < a.shape[0]; ++i) {
        for (int64_t j = 0; j < b.shape[0]; ++j) {
            double sum = inputs.size() > 2 ? inputs[2]->values[static_cast<size_t>(j)] : 0.0;
            for (int64_t k = 0; k < depth; ++k)
                sum += a.values[static_cast<size_t>(i * depth + k)] *
                       b.values[static_cast<size_t>(j * depth + k)];
            y.values[static_cast<size_t>(i * b.shape[0] + j)] = sum;
        }
    }
    return y;
}

/// Elements of the same place; b may be [1, 1, 1, C] beside [N, H, W, C].
template <class F>
Array elementwise(const Array& a, const Array& b, F f) {
    const bool whole = a.shape == b.shape;
    if (!whole && (b.shape.size() != a.shape.size() || product(b.shape) != a.shape.back()))
        throw std::runtime_error("operands of other shapes");
    Array y = a;
    for (size_t i = 0; i < y.values.size(); ++i)
        y.values[i] = f(a.values[i], b.values[whole ? i : i % b.values.size()]);
    return y;
}

template <class F>
Array each(Array x, F f) {
    std::ranges::transform(x.values, x.values.begin(), f);
    return x;
}

Array transpose_to_nchw(const Array& x, Attributes& attributes) {
    if (attributes.list("perm", {}) != std::vector<int64_t>{0, 3, 1, 2})
        throw std::runtime_error("Transpose");
    const int64_t pixels = x.shape[1] * x.shape[2], channels = x.shape[3];
    Array y = zeros({x.shape[0], channels, x.shape[1], x.shape[2]});
    for (int64_t i = 0; i < std::ssize(y.values); ++i) {
        const int64_t n = i / (channels * pixels), c = i / pixels % channels, pixel = i % pixels;
        y.values[static_cast<size_t>(i)] = x.values[static_cast<size_t>((n * pixels + pixel) * channels + c)];
    }
    return y;
}

Array flatten(Array x, Attributes& attributes) {
    if (attributes.whole("axis", 1) != 1) throw std::runtime_error("Flatten of another axis");
    x.shape = {x.shape[0], std::ssize(x.values) / x.shape[0]};
    return x;
}

Array cast(const Array& x, Attributes& attributes) {
    if (attributes.whole("to", 0) != onnx::TensorProto::FLOAT)
        throw std::runtime_error("Cast to another type");
    return x;
}

Array clip(const Inputs& inputs) {
    const double low = inputs[1]->values.at(0), high = inputs[2]->values.at(0);
    return each(*inputs[0], [&](double x) { return std::min(std::max(x, low), high); });
}

Array run(const std::string& type, const Inputs& inputs, Attributes& attributes) {
    const Array& x = *inputs.at(0);
    if (type == "Conv") return conv(inputs, attributes);
    if (type == "BatchNormalization") return batch_normalization(inputs, attributes);
    if (type == "Relu") return each(x, [](double v) { return std::max(v, 0.0); });
    if (type == "Clip") return clip(inputs);
    if (type == "Sigmoid") return each(x, [](double v) { return 1.0 / (1.0 + std::exp(-v)); });
    if (type == "HardSigmoid") {
        const double alpha = attributes.real("alpha", 0.2), beta = attributes.real("beta", 0.5);
        return each(x, [&](double v) { return std::clamp(alpha * v + beta, 0.0, 1.0); });
    }
    if (type == "Mul") return elementwise(x, *inputs[1], std::multiplies{});
    if (type == "Add") return elementwise(x, *inputs[1], std::plus{});
    if (type == "MaxPool") return pool(x, attributes, Pool::maximum);
    if (type == "AveragePool") return pool(x, attributes, Pool::average);
    if (type == "GlobalAveragePool") return global_average_pool(x);
    if (type == "Flatten") return flatten(x, attributes);
    if (type == "Gemm") return gemm(inputs, attributes);
    if (type == "Cast") return cast(x, attributes);
    if (type == "Transpose") return transpose_to_nchw(x, attributes);
    throw std::runtime_error("no such operator: " + type);
}

}  // namespace

Array evaluate(const onnx::GraphProto& graph, const Array& input) {
    std::map<std::string, Array> values;
    for (const onnx::TensorProto& tensor : graph.initializer())
        values[tensor.name()] = of_initializer(tensor);
    values[graph.input(0).name()] = input;
    for (const onnx::NodeProto& node : graph.node()) {
        Inputs inputs;
        for (const std::string& name : node.input()) inputs.push_back(&values.at(name));
        Attributes attributes(node);
        Array y = run(node.op_type(), inputs, attributes);
        attributes.check_all_known(node.op_type());
        values[node.output(0)] = std::move(y);
    }
    return values.at(graph.output(0).name());
}

}  // namespace vitrine::tests
