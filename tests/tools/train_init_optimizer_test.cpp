// A run that begins with the momentum of another: train --init-optimizer.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <limits>

#include "engine/atomic_file.h"
#include "engine/safetensors.h"
#include "tests/error_of.h"
#include "tests/tools/colour_run.h"
#include "tools/export/torch_file.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using exporting::TorchDict;
using exporting::TorchList;
using exporting::TorchValue;

TorchValue text(const std::string& value) { return {value}; }

/// A run of three steps, and what PyTorch would have of it: weights and buffers in the order of model.parameters().
class Before {
  public:
    Before() {
        const Outcome outcome = runs.train(
            "before", {"--max-steps", "3", "--batch-size", "20", "--schedule", "constant", "--lr", "0.05"});
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
        checkpoint = read_safetensors(runs.path("before", "checkpoints/step-000000003.safetensors"));
        for (const SafeTensor& tensor : checkpoint.tensors) {
            if (!tensor.name.starts_with("model.")) continue;
            SafeTensor& weight = weights.emplace_back(tensor);
            weight.name.erase(0, std::string("model.").size());
            const SafeTensor* buffer = checkpoint.find("momentum." + weight.name);
            if (buffer != nullptr) buffers.push_back(*buffer);
        }
    }

    /// A file of torch.save with groups of these buffers, numbered as PyTorch does.
    std::string file(const std::vector<std::vector<SafeTensor>>& groups, const TorchDict& more = {}) const {
        TorchDict state;
        TorchList all;
        int64_t number = 0;
        for (const auto& group : groups) {
            TorchList places;
            for (const SafeTensor& buffer : group) {
                places.values.push_back({number});
                state.items.push_back({{number++}, {TorchDict{{{text("momentum_buffer"), {buffer}}}}}});
            }
            TorchDict settings{
                {{text("lr"), {0.05}}, {text("momentum"), {0.9}}, {text("weight_decay"), {1e-4}}}};
            settings.items.insert(settings.items.end(), more.items.begin(), more.items.end());
            if (std::ranges::none_of(more.items, [](const auto& given) {
                    const auto* key = std::get_if<std::string>(&given.first.value);
                    return key != nullptr && *key == "dampening";
                }))
                settings.items.push_back({text("dampening"), {int64_t{0}}});
            settings.items.push_back({text("params"), {std::move(places)}});
            all.values.push_back({std::move(settings)});
        }
        return written({{{text("model"), {exporting::state_dict(weights)}},
                         {text("optimizer"),
                          {TorchDict{{{text("state"), {std::move(state)}},
                                      {text("param_groups"), {std::move(all)}}}}}}}});
    }
    std::string written(const TorchDict& object) const {
        const fs::path path = runs.folder.path() / "file.pth";
        write_atomically(path, {exporting::torch_file({object})});
        return path.string();
    }

    /// A run that takes one step from it.
    Outcome after(const std::string& file, std::vector<std::string> more = {}) const {
        more.insert(more.end(),
                    {"--init", file, "--init-optimizer", "--max-steps", "1", "--batch-size", "20"});
        return runs.train("after", more);
    }
    /// Its state before that step.
    SafeTensors first() const {
        return read_safetensors(runs.path("after", "checkpoints/step-000000000.safetensors"));
    }
    void check_all_taken() const {
        const SafeTensors now = first();
        CHECK(buffers.size() == 12);
        for (const SafeTensor& buffer : buffers) CHECK(now.at(buffer.name).bytes == buffer.bytes);
        for (const SafeTensor& weight : weights) CHECK(now.at("model." + weight.name).bytes == weight.bytes);
    }
    std::string refused(const std::string& file, const std::vector<std::string>& more = {}) const {
        const Outcome outcome = after(file, more);
        CHECK(outcome.code == 2);
        CHECK_FALSE(fs::exists(runs.folder.path() / "after"));
        return outcome.err;
    }

    ColourRuns runs;
    SafeTensors checkpoint;
    std::vector<SafeTensor> weights, buffers;
};

/// Those that `first` holds for, and the others.
std::vector<std::vector<SafeTensor>> apart(const std::vector<SafeTensor>& buffers,
                                           const std::function<bool(const SafeTensor&)>& first) {
    std::vector<std::vector<SafeTensor>> groups(2);
    for (const SafeTensor& buffer : buffers) groups[first(buffer) ? 0 : 1].push_back(buffer);
    return groups;
}

TEST_CASE(
    "weights and momentum come back from export --optimizer, and from the checkpoint itself, to the bit") {
    const Before before;
    const std::string source = before.runs.path("before", "checkpoints/step-000000003.safetensors").string();
    const std::string file = before.runs.folder / "run.pth";
    REQUIRE(run("export", {source, "--to", "pth", "--optimizer", "--output", file}).code == 0);
    for (const std::string& from : {file, source}) {
        const Outcome outcome = before.after(from, {"--schedule", "constant", "--lr", "0.05"});
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
        before.check_all_taken();
        CHECK(contains(outcome.err, "begins with the momentum of"));
        CHECK(contains(outcome.err, "for 12 of 12 parameters"));
        CHECK_FALSE(contains(outcome.err, "the run begins with the recipe's"));
        fs::remove_all(before.runs.folder.path() / "after");
    }
}

TEST_CASE("the next step is the one that the run itself takes, bit for bit") {
    const TemporaryFolder folder;
    for (const char* part : {"train", "val"}) {
        for (const char* name : {"dark", "light"}) {
            std::string image = "P5 16 16 255\n";
            for (int i = 0; i < 256; ++i) image += static_cast<char>(i * (name[0] == 'd' ? 1 : 3));
            fs::create_directories(folder.path() / "data" / part / name);
            write_atomically(folder.path() / "data" / part / name / "image.pgm", {image});
        }
    }
    const auto train = [&](const std::string& out, std::vector<std::string> more) {
        more.insert(more.end(), {"--data",       folder / "data",
                                 "--image-size", "16",
                                 "--batch-size", "2",
                                 "--lr",         "0.05",
                                 "--schedule",   "constant",
                                 "--quiet",      "--device",
                                 "cpu",          "--nesterov",
                                 "--out",        folder / out,
                                 "--set",        "training.keep_checkpoints=9",
                                 "--set",        "phase.decay_norms_and_biases=false"});
        const Outcome outcome = run("train", more);
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    };
    const auto checkpoint = [&](const std::string& out, int step) {
        return folder / fmt::format("{}/checkpoints/step-{:09}.safetensors", out, step);
    };
    // An epoch is one step, of two images: in one order or the other, which the seed draws, and which rounds otherwise.
    train("before", {"--epochs", "4"});
    const std::string file = folder / "run.pth";
    REQUIRE(run("export", {checkpoint("before", 2), "--to", "pth", "--optimizer", "--output", file}).code ==
            0);
    const SafeTensors meant = read_safetensors(checkpoint("before", 3));
    int same = 0;
    for (const char* seed : {"0", "1", "2", "3"}) {
        train(seed, {"--init", file, "--init-optimizer", "--epochs", "1", "--seed", seed});
        const SafeTensors stepped = read_safetensors(checkpoint(seed, 1));
        bool all = true;
        for (const SafeTensor& tensor : meant.tensors) {
            if (tensor.name.starts_with("model.") || tensor.name.starts_with("momentum."))
                all = all && stepped.at(tensor.name).bytes == tensor.bytes;
        }
        same += all ? 1 : 0;
    }
    CHECK(same > 0);
}

TEST_CASE("groups as people make them are told apart by their sizes and shapes, whatever their order") {
    const Before before;
    const auto is_matrix = [](const SafeTensor& buffer) { return buffer.shape.rank() > 1; };
    const auto is_vector = [&](const SafeTensor& buffer) { return !is_matrix(buffer); };
    const auto is_norm = [](const SafeTensor& buffer) {
        return contains(buffer.name, "layer_1.1.") || contains(buffer.name, "layer_1.4.");
    };
    const auto is_bias = [](const SafeTensor& buffer) { return buffer.name.ends_with("bias"); };
    const auto is_head = [](const SafeTensor& buffer) { return contains(buffer.name, "layer_5"); };
    const auto taken = [&](const std::vector<std::vector<SafeTensor>>& groups) {
        const Outcome outcome = before.after(before.file(groups));
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
        before.check_all_taken();
        fs::remove_all(before.runs.folder.path() / "after");
    };
    taken({before.buffers});
    for (const auto& first :
         std::vector<std::function<bool(const SafeTensor&)>>{is_matrix, is_vector, is_norm, is_bias, is_head})
        taken(apart(before.buffers, first));
    std::vector<std::vector<SafeTensor>> four = apart(apart(before.buffers, is_head)[1], is_vector);
    for (auto& of_head : apart(apart(before.buffers, is_head)[0], is_vector)) four.push_back(of_head);
    taken(four);
}

TEST_CASE("settings of the file that are not the recipe's are told; the recipe's hold") {
    const Before before;
    const Outcome outcome =
        before.after(before.file({before.buffers}, {{{text("nesterov"), {true}}}}),
                     {"--lr", "0.2", "--schedule", "constant", "--momentum", "0.5", "--weight-decay", "0.01",
                      "--set", "phase.decay_norms_and_biases=false"});
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    for (const char* told :
         {"has learning rate 0.05; the run begins with the recipe's, 0.2",
          "has momentum 0.9; the run begins with the recipe's, 0.5",
          "has weight decay 0.0001 for 8 of 12 parameters; the run begins with the recipe's, 0\n",
          "has weight decay 0.0001 for 4 of 12 parameters; the run begins with the recipe's, 0.01",
          "has nesterov 1; the run begins with the recipe's, 0"}) {
        CAPTURE(told);
        CAPTURE(outcome.err);
        CHECK(contains(outcome.err, told));
    }
}

TEST_CASE("a new head begins without momentum; so does what has taken no step") {
    const Before before;
    std::vector<SafeTensor> some = before.buffers;
    const std::string whole = before.file({some});
    for (const char* part : {"train", "val"})
        fs::rename(before.runs.folder.path() / "data" / part / "fire",
                   before.runs.folder.path() / "data" / part / "blaze");
    // Metadata say the classes, so of a checkpoint the head is another's.
    const Outcome outcome =
        before.after(before.runs.path("before", "checkpoints/step-000000003.safetensors").string());
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    CHECK(contains(outcome.err, "for 10 of 12 parameters"));
    CHECK(before.first().find("momentum.layer_5.weight") == nullptr);
    CHECK(before.first().find("momentum.layer_1.0.weight") != nullptr);
    fs::remove_all(before.runs.folder.path() / "after");

    const std::string fresh = before.runs.path("before", "checkpoints/step-000000000.safetensors").string();
    const std::string file = before.runs.folder / "fresh.pth";
    REQUIRE(run("export", {fresh, "--to", "pth", "--optimizer", "--output", file}).code == 0);
    const Outcome none = before.after(file);
    REQUIRE_MESSAGE(none.code == 0, none.err);
    CHECK(contains(none.err, "for 0 of 12 parameters"));
    CHECK(before.first().find("momentum.layer_1.0.weight") == nullptr);
}

TEST_CASE(
    "optimisers that are missing, of another kind or of other shapes are refused, and nothing is left "
    "behind") {
    const Before before;
    const std::string no_optimizer = before.written(exporting::state_dict(before.weights));
    CHECK(contains(before.refused(no_optimizer), "no optimiser's state"));
    CHECK(contains(before.refused(before.runs.path("before", "last.safetensors").string()),
                   "holds weights alone"));
    CHECK(contains(before.refused(before.file({before.buffers}, {{{text("amsgrad"), {false}}}})),
                   "Adam or AdamW"));
    CHECK(contains(before.refused(before.file({before.buffers}, {{{text("dampening"), {0.1}}}})),
                   "SGD with dampening 0.1"));
    std::vector<SafeTensor> other = before.buffers;
    other.pop_back();
    CHECK(contains(before.refused(before.file({other})), "optimiser of 11 parameters, but the model has 12"));
    other = before.buffers;
    std::swap(other[0], other[6]);
    CHECK(contains(before.refused(before.file({other})), "other shapes than"));
    other = before.buffers;
    const float infinite = std::numeric_limits<float>::infinity();
    other[0].bytes.replace(0, sizeof infinite,
                           std::string(reinterpret_cast<const char*>(&infinite), sizeof infinite));
    CHECK(contains(before.refused(before.file({other})), "momentum.layer_1.0.weight"));
    SafeTensors changed = before.checkpoint;
    SafeTensor& buffer = *std::ranges::find(changed.tensors, "momentum.layer_1.0.bias", &SafeTensor::name);
    buffer = SafeTensor::f32(buffer.name, {2}, std::vector<double>(2, 0.0));
    const fs::path path = before.runs.folder.path() / "changed.safetensors";
    write_safetensors(path, changed);
    const std::string table = before.refused(path.string());
    CHECK(contains(table, "has another shape  momentum.layer_1.0.bias  [2] in the file, [32] in the model"));
    CHECK(contains(table, "1 of its momentum buffers differ"));

    const Outcome alone = before.runs.train("after", {"--init-optimizer"});
    CHECK(alone.code == 2);
    CHECK(contains(alone.err, "init_optimizer needs init"));
    const Outcome idle = before.after(before.file({before.buffers}), {"--set", "phase.reset_momentum=true"});
    CHECK(contains(idle.err, "init_optimizer is not used"));
}

TEST_CASE("a bad --init, and parts to freeze that are not there, are refused before the data are looked at") {
    const TemporaryFolder folder;
    write_atomically(folder.path() / "weights.pth", {std::string("no weights at all")});
    const auto refused = [&](const std::vector<std::string>& more) {
        std::vector<std::string> arguments{"--data", folder / "absent", "--out", folder / "run"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const Outcome outcome = run("train", arguments);
        CHECK(outcome.code == 2);
        CHECK_FALSE(fs::exists(folder.path() / "run"));
        return outcome.err;
    };
    CHECK(contains(refused({}), "absent"));
    CHECK(contains(refused({"--init", folder / "weights.pth"}), "neither a safetensors file nor one of"));
    CHECK(contains(refused({"--freeze", "layer_9"}), "no parameter of basic_block_net matches 'layer_9'"));
}

}  // namespace
}  // namespace vitrine::tests
