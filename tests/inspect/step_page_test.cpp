// The page of a step: what its script is given comes from the step itself.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "engine/autograd.h"
#include "engine/memory.h"
#include "lab/inspect/step_page/op_notes.h"
#include "lab/inspect/step_page/sources.h"
#include "lab/inspect/step_page/step_page.h"
#include "lab/inspect/step_page/tensor_view.h"
#include "lab/inspect/step_page/troubles.h"
#include "tests/folders.h"

namespace vitrine::inspect {
namespace {

const Placement placement{DType::f32, Device::cpu};

/// Distinct values, none of them 0.
Tensor numbers(Shape shape) {
    std::vector<float> values(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50) * 0.1f + 0.05f;
    return Tensor::from_host(values, std::move(shape), placement);
}

Tensor wanted(Shape shape) {
    Tensor tensor = numbers(std::move(shape));
    tensor.require_gradient();
    return tensor;
}

/// What stays alive of an op when its inputs and outputs are let go, and nothing but the tape is left.
template <class Run>
double bytes_on_tape(Run run) {
    const size_t before = memory_statistics(Device::cpu).bytes_in_use;
    Tape tape;
    {
        const Recording recording(tape);
        run();
    }
    return static_cast<double>(memory_statistics(Device::cpu).bytes_in_use - before);
}

/// And what the table says of it.
template <class Run>
double bytes_in_table(Run run) {
    CapturedStep step;
    std::vector<Tensor> kept;
    const auto add = [&](const Tensor& tensor) {
        if (!tensor.defined()) return none;
        for (size_t i = 0; i < step.tensors.size(); ++i)
            if (step.tensors[i].value.data() == tensor.data()) return static_cast<int>(i);
        step.tensors.push_back({.value = tensor});
        return static_cast<int>(step.tensors.size()) - 1;
    };
    Tape tape;
    {
        const Recording recording(tape);
        const Trace trace([&](const OpEvent& event) {
            CapturedOp op{.op = event.op, .options = event.options};
            for (const Tensor& input : event.inputs) op.inputs.push_back(add(input));
            for (const Tensor& output : event.outputs) op.outputs.push_back(add(output));
            step.ops.push_back(op);
        });
        run();
    }
    double bytes = 0;
    std::vector<int> counted;
    for (const CapturedOp& op : step.ops) {
        for (const Saved& saved : note_of(op.op).saved(step, op)) {
            if (saved.tensor != none && std::ranges::count(counted, saved.tensor) != 0) continue;
            counted.push_back(saved.tensor);
            bytes += saved.bytes;
        }
    }
    return bytes;
}

PreparedStep small(const char* model, bool fused) {
    PreparedStep prepared = prepare(
        {.model = model, .image_size = std::string(model) == "mobilenet_v2" ? 32 : 16, .batch_size = 4});
    prepared.model->set_fused(fused);
    return prepared;
}

CapturedStep step_of(const PreparedStep& prepared) {
    return capture_step(*prepared.model, prepared.input, prepared.settings);
}

}  // namespace

TEST_CASE("what the page says that an op keeps for its backward pass is what its tape keeps alive") {
    const Tensor labels = Tensor::from_host(std::vector<int32_t>(64, 1), {64}, {DType::i32, Device::cpu});
    const auto whole = [](Shape shape) { return wanted(std::move(shape)); };
    const std::vector<std::pair<const char*, std::function<void()>>> ops{
        {"relu",
         [&] {
             ops::relu(whole({8, 16, 16, 32}));
         }},
        {"silu",
         [&] {
             ops::silu(whole({8, 16, 16, 32}));
         }},
        {"add",
         [&] {
             ops::add(whole({8, 16, 16, 32}), whole({8, 16, 16, 32}));
         }},
        {"average_pool",
         [&] {
             ops::average_pool(whole({8, 16, 16, 32}), {{2, 2}, {2, 2}});
         }},
        {"max_pool",
         [&] {
             ops::max_pool(whole({8, 16, 16, 32}), {{2, 2}, {2, 2}});
         }},
        {"global_average_pool",
         [&] {
             ops::global_average_pool(whole({8, 16, 16, 64}));
         }},
        {"global_average_pool of what is pending",
         [&] {
             Pending pending(AffineTensor{whole({8, 16, 16, 64}), whole({64}), whole({64})});
             pending.activation = Activation::relu6;
             ops::global_average_pool(pending);
         }},
        {"linear",
         [&] {
             ops::linear(whole({64, 256}), whole({128, 256}), whole({128}));
         }},
        {"dropout",
         [&] {
             ops::dropout(whole({64, 256}), 0.2, {.seed = 1, .purpose = RandomPurpose::test});
         }},
        {"softmax_cross_entropy",
         [&] {
             ops::softmax_cross_entropy(whole({64, 1024}), labels, 0.1);
         }},
        {"reshape",
         [&] {
             ops::reshape(whole({8, 16, 16, 32}), {8, 8192});
         }},
        {"dense_conv",
         [&] {
             ops::conv(whole({8, 16, 16, 32}), whole({32, 3, 3, 32}), Tensor(), {{1, 1}, {1, 1}});
         }},
        {"depthwise_conv",
         [&] {
             ops::conv(whole({8, 16, 16, 32}), whole({3, 3, 32}), Tensor(), {{1, 1}, {1, 1}});
         }},
        {"pointwise_conv",
         [&] {
             ops::conv(whole({8, 16, 16, 32}), whole({64, 32}), Tensor());
         }},
        {"pointwise_conv with moments",
         [&] {
             ops::conv(Pending(whole({8, 16, 16, 32})), whole({64, 32}), Tensor(),
                       {.stride = {}, .moments = true});
         }},
        {"batch_norm",
         [&] {
             Tensor mean = numbers({32}), variance = numbers({32});
             ops::batch_norm(whole({8, 16, 16, 32}), whole({32}), whole({32}), mean, variance, {});
         }},
    };
    for (const auto& [name, run] : ops) {
        CAPTURE(name);
        const double table = bytes_in_table(run), tape = bytes_on_tape(run);
        // Small tensors share blocks of a size of their own: what is large must be right.
        CHECK(std::abs(table - tape) <= 4096.0);
    }
}

TEST_CASE("every op of both models has a note, and its files are there") {
    for (const char* model : {"basic_block_net", "mobilenet_v2"}) {
        for (const bool fused : {false, true}) {
            for (const CapturedOp& op : step_of(small(model, fused)).ops) CHECK_NOTHROW(note_of(op.op));
        }
    }
    for (const OpNote& note : all_op_notes()) {
        for (const auto* list : {&note.reference, &note.cpu, &note.cuda})
            for (const std::string_view path : *list)
                CHECK_MESSAGE(std::filesystem::exists(tests::repository() / path), path);
        for (const std::string_view path : note.reference) CHECK(source_of(path).size() > 100);
    }
}

TEST_CASE("a view's figures are those of all elements, and each cell of its picture is an element") {
    const Tensor tensor = numbers({3, 50, 40, 6});
    const TensorView view = view_of(tensor, false, 4000);
    const std::vector<double> values = tensor.to_host<double>();
    double sum = 0, squares = 0;
    for (const double value : values) {
        sum += value;
        squares += value * value;
    }
    CHECK(view.mean == doctest::Approx(sum / 36000.0));
    CHECK(view.norm == doctest::Approx(std::sqrt(squares)));
    CHECK(view.low == std::ranges::min(values));
    CHECK(view.high == std::ranges::max(values));
    int64_t counted = 0;
    for (const int64_t count : view.histogram) counted += count;
    CHECK(counted == 36000);
    const auto& [image, channel, row, column] = view.layout;
    CHECK(image.shown * channel.shown * row.shown * column.shown <= 4000);
    for (const Axis& axis : {image, channel, row, column}) {
        CHECK(axis.place(0) >= 0);
        CHECK(axis.place(axis.shown - 1) < axis.extent);
    }
    for (const Pin& pin : view.pins) CHECK(values[static_cast<size_t>(pin.index)] == pin.value);
}

TEST_CASE("what goes wrong is found where it happens, and nothing where nothing does") {
    CHECK(troubles_of(step_of(small("basic_block_net", false))).empty());
    /// The op that is said to have it first, and "" if none is.
    const auto where = [](const CapturedStep& step, const std::string& kind) {
        const auto found = troubles_of(step);
        const auto trouble = std::ranges::find(found, kind, &Trouble::kind);
        return trouble == found.end() ? "" : step.ops[static_cast<size_t>(trouble->op)].name;
    };
    /// All elements the same, or the first another one.
    const auto planted = [](const char* parameter, double value, bool fused,
                            std::optional<double> first = std::nullopt) {
        const PreparedStep prepared = small("basic_block_net", fused);
        for (const nn::NamedParameter& named : prepared.model->state()) {
            if (named.name.find(parameter) == std::string::npos) continue;
            Tensor tensor = named.value();
            std::vector<double> values(static_cast<size_t>(tensor.count()), value);
            values.front() = first.value_or(value);
            tensor.assign(std::span<const double>(values));
        }
        return step_of(prepared);
    };
    for (const bool fused : {false, true}) {
        CAPTURE(fused);
        CHECK(where(planted("layer_1.1.bias", -100.0, fused), "dead channels") ==
              (fused ? "layer_1.1" : "layer_1.2"));
        CHECK(where(planted("layer_1.0.weight", 0.0, fused), "tiny variance") == "layer_1.1");
        CHECK(where(planted("layer_1.1.weight", INFINITY, fused), "not finite") == "layer_1.1");
        CHECK(where(planted("layer_5.bias", 0.0, fused, 50.0), "saturated logits") ==
              "softmax_cross_entropy");
        CHECK(where(planted("layer_5.bias", 0.0, fused, 5.0), "saturated logits") == "");
        CHECK(where(planted("layer_1.4.weight", 1e-5, fused), "vanishing gradient") == "layer_1.3");
        CHECK(where(planted("layer_1.4.weight", 0.1, fused), "vanishing gradient") == "");
        CHECK(where(planted("layer_1.4.weight", 1e5, fused), "exploding gradient") == "layer_1.3");
        CHECK(where(planted("layer_1.4.weight", 10.0, fused), "exploding gradient") == "");
    }
}

TEST_CASE("what a fused convolution reads is on the page, as the step that is not fused writes it") {
    const PreparedStep fused = small("mobilenet_v2", true), whole = small("mobilenet_v2", false);
    const CapturedStep fused_step = step_of(fused), whole_step = step_of(whole);
    const nlohmann::ordered_json data = page_data(fused_step, fused, "inspect value");
    int compared = 0;
    for (const auto& op : data["ops"]) {
        if (!op.contains("reads")) continue;
        const auto& read = data["tensors"][op["reads"].get<size_t>()];
        const CapturedOp* same = whole_step.op(op["name"].get<std::string>());
        REQUIRE(same != nullptr);
        const CapturedTensor& written = whole_step.tensors[static_cast<size_t>(same->inputs[0])];
        const TensorView view = view_of(written.value, false, 1000);
        CAPTURE(op["name"]);
        CHECK(read["value"]["mean"].get<double>() == doctest::Approx(view.mean).epsilon(1e-3));
        CHECK(read["value"]["norm"].get<double>() == doctest::Approx(view.norm).epsilon(1e-3));
        const std::string activation = read["never_written"].get<std::string>();
        const std::string& writer = whole_step.ops[static_cast<size_t>(written.producer)].op;
        CHECK(writer == (activation == "identity" ? "batch_norm" : activation));
        if (activation == "relu6") CHECK(read["value"]["high"].get<double>() <= 6.0);
        ++compared;
    }
    CHECK(compared > 30);
}

TEST_CASE("the page holds the step: its ops, its loss, its parameters") {
    for (const bool fused : {false, true}) {
        const PreparedStep prepared = small("basic_block_net", fused);
        const CapturedStep step = step_of(prepared);
        const nlohmann::ordered_json data = page_data(step, prepared, "inspect value");
        CHECK(data["ops"].size() == step.ops.size());
        CHECK(data["loss"] == step.result.loss);
        CHECK(data["fused"] == fused);
        for (size_t i = 0; i < step.parameters.size(); ++i) {
            const CapturedParameter& parameter = step.parameters[i];
            double squares = 0;
            for (const double value : parameter.before.to_host<double>()) squares += value * value;
            CHECK(data["parameters"][i]["value"]["norm"].get<double>() ==
                  doctest::Approx(std::sqrt(squares)));
        }
        int64_t explained = 0;
        for (const auto& tensor : data["tensors"]) {
            for (const char* which : {"value", "gradient"}) {
                if (tensor[which].is_null() || tensor[which]["why"].is_null()) continue;
                CHECK(tensor[which]["why"].size() == tensor[which]["pins"].size());
                for (const auto& why : tensor[which]["why"]) {
                    CHECK_MESSAGE(why["adds_up"] == true, tensor["name"]);
                    ++explained;
                }
            }
        }
        CHECK(explained > 100);
        const std::string html = step_html(step, prepared, "inspect value");
        CHECK(html.find("{{data}}") == std::string::npos);
        CHECK(html.size() < 2'000'000);
    }
}

}  // namespace vitrine::inspect
