// The optimiser in files of torch.save: SGD's is read, others and damage are refused by name.

#include "engine/torch_optimizer.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <random>

#include "engine/input_file.h"
#include "tests/engine/torch_bytes.h"
#include "tests/error_of.h"
#include "tests/folders.h"

using namespace vitrine;
using namespace vitrine::tests;

namespace {

const std::string none = "N", yes = "\x88", no = "\x89";

std::string item(const std::string& key, const std::string& value) { return pickle_text(key) + value; }
std::string dict(const std::string& items) { return "}(" + items + "u"; }
std::string list(const std::string& values) { return "](" + values + "e"; }
std::string whole(int64_t number) { return pickle_whole(number); }

/// The groups of an SGD with two parameters, of which the first has a buffer.
std::string group(const std::string& more = "", const std::string& places = whole(0) + whole(1)) {
    return dict(item("lr", whole(1)) + item("momentum", yes) + item("dampening", whole(0)) +
                item("weight_decay", none) + item("nesterov", no) + more + item("params", list(places)));
}
const std::string buffer = pickle_tensor(4, 0, {2, 2}, {2, 1});
const std::string state =
    dict(whole(0) + dict(item("momentum_buffer", buffer)) + whole(1) + dict(item("momentum_buffer", none)));

std::string file_of(const std::string& key, const std::string& optimizer) {
    return torch_file_of(pickle_dict(item("model", dict("")) + item(key, optimizer)), std::string(16, '\1'));
}
std::string optimizer_of(const std::string& groups, const std::string& of_parameters = state) {
    return dict(item("state", of_parameters) + item("param_groups", list(groups)));
}
std::string refusal(const std::string& groups, const std::string& of_parameters = state) {
    const std::string file = file_of("optimizer", optimizer_of(groups, of_parameters));
    return error_of([&] { parse_torch_optimizer(file, "file"); });
}

}  // namespace

TEST_CASE("SGD's state of several versions of PyTorch is read") {
    for (const char* version : {"1.13.1", "2.15.0"}) {
        for (const char* name : {"in_model.pth", "train_py.pth", "protocol_2.pth", "protocol_5.pth"}) {
            CAPTURE(version);
            CAPTURE(name);
            const auto path =
                std::filesystem::path(repository()) / "tests/golden/torch_files" / version / name;
            const TorchOptimizer found = parse_torch_optimizer(read_file(path), name);
            CHECK(found.entry == "optimizer");
            REQUIRE(found.groups.size() == 1);
            const TorchOptimizer::Group& group = found.groups[0];
            CHECK(group.learning_rate == 0.1);
            CHECK(group.momentum == 0.9);
            CHECK(group.weight_decay == 0.0);
            CHECK_FALSE(group.nesterov);
            CHECK(group.parameters == std::vector<std::string>{"0", "1", "2", "3", "4"});
            CHECK(group.names.empty());
            // Of its last layer alone: weight and bias of one backward pass, of ones.
            REQUIRE(found.momentum.size() == 2);
            CHECK(found.momentum.at("3").values() == std::vector<double>(8, 1.0));
            CHECK(found.momentum.at("3").shape == Shape({2, 4}));
            CHECK(found.momentum.at("4").values() == std::vector<double>(2, 1.0));
        }
    }
}

TEST_CASE(
    "an optimiser lies under the usual names, alone in a list, or is the whole file; its parameters may have "
    "names") {
    for (const char* key : {"optimizer", "optimizer_state_dict", "optim"})
        CHECK(parse_torch_optimizer(file_of(key, optimizer_of(group())), "file").entry == key);
    CHECK(parse_torch_optimizer(file_of("optimizer_states", list(optimizer_of(group()))), "file")
              .momentum.size() == 1);
    const std::string alone = torch_file_of("\x80\x02" + optimizer_of(group()) + ".", std::string(16, '\1'));
    CHECK(parse_torch_optimizer(alone, "file").momentum.at("0").shape == Shape({2, 2}));

    const std::string names = item("param_names", list(pickle_text("a") + pickle_text("b")));
    const TorchOptimizer named =
        parse_torch_optimizer(file_of("optimizer", optimizer_of(group(names))), "file");
    CHECK(named.groups[0].names == std::vector<std::string>{"a", "b"});
    CHECK(named.groups[0].momentum == 1.0);
    const std::string by_name = optimizer_of(group("", pickle_text("a") + pickle_text("b")),
                                             dict(item("b", dict(item("momentum_buffer", buffer)))));
    const TorchOptimizer keyed = parse_torch_optimizer(file_of("optimizer", by_name), "file");
    CHECK(keyed.groups[0].names == std::vector<std::string>{"a", "b"});
    CHECK(keyed.momentum.contains("b"));
}

TEST_CASE("other optimisers, and what ours has not, are refused by name") {
    CHECK(refusal(group()) == "no error");
    for (const auto& [key, name] : {std::pair{"amsgrad", "Adam or AdamW"},
                                    {"centered", "RMSprop"},
                                    {"lr_decay", "Adagrad"},
                                    {"rho", "Adadelta"},
                                    {"momentum_decay", "NAdam"},
                                    {"max_iter", "LBFGS"}}) {
        const std::string said =
            refusal(dict(item("lr", whole(1)) + item(key, no) + item("params", list(whole(0)))));
        CAPTURE(said);
        CHECK(contains(said, name));
        CHECK(contains(said, "torch.optim.SGD"));
    }
    CHECK(contains(refusal(dict(item("lr", whole(1)) + item("trust", no))), "a dict of lr, trust"));
    CHECK(contains(refusal(group(item("maximize", yes))), "SGD with maximize"));
    const std::string damped = dict(item("lr", whole(1)) + item("momentum", yes) +
                                    item("dampening", whole(2)) + item("params", list(whole(0) + whole(1))));
    CHECK(contains(refusal(damped), "SGD with dampening 2"));
}

TEST_CASE("a damaged optimiser is refused in a sentence") {
    CHECK(contains(refusal(""), "no optimiser's state"));
    CHECK(contains(refusal(whole(3)), "an optimiser with a whole number"));
    CHECK(contains(refusal(group() + group()), "parameter 0 twice"));
    CHECK(contains(refusal(group("", whole(1))), "state of the parameter 0, which is in none of its groups"));
    CHECK(contains(refusal(group("", "]")), "calls a parameter a list"));
    CHECK(contains(refusal(group(), dict(whole(0) + list(""))), "state of the parameter 0 is a list"));
    CHECK(contains(refusal(group(), dict(whole(0) + dict(item("momentum_buffer", whole(1))))),
                   "momentum_buffer of the parameter 0 that is a whole number"));
    CHECK(contains(refusal(group(item("param_names", list(pickle_text("a"))))), "1 names for 2 parameters"));
    const std::string wide = pickle_tensor(4, 0, {int64_t{1} << 60}, {0});
    CHECK(contains(refusal(group(), dict(whole(0) + dict(item("momentum_buffer", wide)))),
                   "more than 4 times the bytes of the file"));
    CHECK(contains(refusal(dict(item("lr", pickle_text("high")) + item("momentum", yes) +
                                item("dampening", no) + item("params", list(whole(0) + whole(1))))),
                   "lr is no number"));
    const std::string only_weights = torch_file_of(pickle_dict(item("w", buffer)), std::string(16, '\1'));
    CHECK(contains(error_of([&] { parse_torch_optimizer(only_weights, "file"); }), "file holds a dict of w"));

    std::mt19937 random(4);
    const std::string sound = pickle_dict(item("optimizer", optimizer_of(group())));
    for (int i = 0; i < 3000; ++i) {
        std::string damaged = sound;
        for (size_t flips = 1 + random() % 4; flips > 0; --flips)
            damaged[random() % damaged.size()] = static_cast<char>(random());
        const std::string file = torch_file_of(damaged, std::string(16, '\1'));
        CHECK_NOTHROW(error_of([&] { parse_torch_optimizer(file, "file"); }));
    }
}
