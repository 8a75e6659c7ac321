// inspect step --serve: any element is explained as a pinned one is, by links to what it is made of; and what is refused.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <csignal>
#include <random>

#include "lab/inspect/serve/answer.h"
#include "lab/inspect/source/step_source.h"
#include "lab/inspect/step_page/explanations.h"
#include "lab/inspect/step_page/tensor_view.h"
#include "lab/inspect/terms/explainer.h"
#include "lab/inspect/terms/ops.h"
#include "tests/error_of.h"
#include "tests/inspect/http_get.h"
#include "tests/tools/program.h"

namespace vitrine::inspect {
namespace {

using Json = nlohmann::ordered_json;

CapturedStep step_of(const char* model, bool fused) {
    const PreparedStep prepared = prepare({.model = model, .image_size = 32, .batch_size = 4, .steps = 2});
    prepared.model->set_fused(fused);
    return capture_step(*prepared.model, prepared.input, prepared.settings);
}

/// What asks for an element of a tensor or of its gradient.
Query query_of(const CapturedStep& step, int tensor, int64_t element, bool gradient) {
    const CapturedTensor& captured = step.tensors[tensor];
    Query query;
    if (tensor == step.images) {
        query.emplace_back("op", "images");
    } else if (captured.is_parameter) {
        query.emplace_back("parameter", captured.name);
    } else {
        const CapturedOp& op = step.ops[captured.producer];
        const auto k = static_cast<size_t>(std::ranges::find(op.outputs, tensor) - op.outputs.begin());
        query.emplace_back("op", op.name);
        query.emplace_back("output", terms_of(op.op)->outputs[k]);
    }
    query.emplace_back("at", fmt::format("{}", fmt::join(place_of(captured.value.shape(), element), ",")));
    if (gradient) query.emplace_back("gradient", "");
    return query;
}

Json answered(const CapturedStep& step, const Query& query) {
    const Answer answer = answer_terms(step, query);
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
    return Json::parse(answer.body);
}

/// A factor that is one element has that element's value.
void check_operands(const CapturedStep& step, const Json& explanation) {
    for (const Json& term : explanation["terms"]) {
        for (const Json& factor : term[1]) {
            const auto name = factor[0].get<std::string>();
            const bool derived = name == "x̂" || name == "rstd³" || !factor[2].get<std::string>().empty();
            if (derived || factor[3].size() != 1) continue;
            const Json& operand = factor[3][0];
            const CapturedTensor& tensor = step.tensors[operand[0].get<int>()];
            const Tensor& of = operand[2] == 1 ? tensor.gradient : tensor.value;
            CAPTURE(factor.dump());
            CHECK(std::abs(of.part(operand[1].get<int64_t>(), {1}).item()) ==
                  std::abs(factor[1].get<double>()));
        }
    }
}

Json without_operands(Json explanation) {
    for (Json& term : explanation["terms"])
        for (Json& factor : term[1]) factor.erase(3);
    return explanation;
}

/// Some elements of a tensor or of its gradient: the answer is what a page that is a file has of the same.
void check_tensor(const CapturedStep& step, int tensor, bool gradient, std::mt19937_64& random) {
    const Tensor& value = step.tensors[tensor].value;
    const auto element = static_cast<int64_t>(random() % static_cast<uint64_t>(value.count()));
    const Json answer = answered(step, query_of(step, tensor, element, gradient));
    CHECK(answer["adds_up"] == true);
    check_operands(step, answer);
    CHECK(without_operands(answer) == explanations_of(step, tensor, gradient, {{element, 0.0, "random"}})[0]);
}

}  // namespace

TEST_CASE(
    "any element of every op's outputs, of their gradients and of parameters is explained as a pinned one "
    "is") {
    for (const char* model : {"basic_block_net", "mobilenet_v2"}) {
        for (const bool fused : {false, true}) {
            const CapturedStep step = step_of(model, fused);
            std::mt19937_64 random(29);
            for (int tensor = 0; tensor < static_cast<int>(step.tensors.size()); ++tensor) {
                CAPTURE(step.tensors[tensor].name);
                if (has_terms(step, tensor)) check_tensor(step, tensor, false, random);
                if (has_gradient_terms(step, tensor)) check_tensor(step, tensor, true, random);
            }
            for (const CapturedParameter& parameter : step.parameters) {
                if (!parameter.gradient.defined()) continue;
                CAPTURE(parameter.name);
                const std::string last = fmt::format(
                    "{}", fmt::join(place_of(parameter.before.shape(), parameter.before.count() - 1), ","));
                const Json answer =
                    answered(step, {{"parameter", parameter.name}, {"at", last}, {"update", "1"}});
                CHECK(answer["stored"] == parameter.after.part(parameter.after.count() - 1, {1}).item());
                CHECK(answer["adds_up"] == true);
            }
        }
    }
}

TEST_CASE("a way leads from the loss to a pixel") {
    for (const bool fused : {false, true}) {
        const CapturedStep step = step_of("basic_block_net", fused);
        const auto loss = std::ranges::find(step.ops, "softmax_cross_entropy", &CapturedOp::op);
        REQUIRE(loss != step.ops.end());
        int tensor = loss->outputs[0], links = 0;
        for (int64_t element = 0; tensor != step.images; ++links) {
            REQUIRE(links < 40);
            const Json answer = answered(step, query_of(step, tensor, element, false));
            const int before = tensor;
            for (const Json& term : answer["terms"])
                for (const Json& factor : term[1])
                    for (const Json& operand : factor[3]) {
                        const int next = operand[0];
                        if (tensor != before || step.tensors[next].is_parameter) continue;
                        tensor = next;
                        element = operand[1];
                    }
            REQUIRE(tensor != before);
        }
        CHECK(links > 5);
    }
}

TEST_CASE("a query that cannot be answered is told what is wrong with it") {
    const CapturedStep step = step_of("basic_block_net", true);
    const auto refuses = [&](const Query& query, const std::string& sentence) {
        const Answer answer = answer_terms(step, query);
        CHECK(answer.status == 400);
        CHECK_MESSAGE(contains(answer.body, sentence), answer.body);
        CHECK_FALSE(answer.body.starts_with("--"));
    };
    refuses({}, "op or parameter is needed");
    refuses({{"nope", "1"}}, "nope: there are op, output, parameter, at, gradient and update");
    refuses({{"op", "layer_1.0"}}, "op needs at: which element");
    refuses({{"op", "layer_1.0"}, {"op", "layer_1.0"}, {"at", "0"}}, "op is there more than once");
    refuses({{"op", "layer_9"}, {"at", "0"}}, "op layer_9: the step has no such op");
    refuses({{"op", "layer_1.0"}, {"at", "0,0"}}, "at 0,0: layer_1.0 has 4 axes, [4, 32, 32, 32]");
    refuses({{"op", "layer_1.0"}, {"at", "0,0,32,0"}}, "a whole number from 0 to 31 is needed");
    refuses({{"op", "layer_1.0"}, {"at", "0,0,0,0"}, {"gradient", "no"}}, "gradient has no value");
    refuses({{"op", "layer_1.0"}, {"at", "0,0,0,0"}, {"update", ""}}, "update is of a parameter");
    refuses({{"op", "layer_1.0"}, {"at", "0,0,0,0"}, {"output", "z"}},
            "output z: layer_1.0 leaves y, mean, m2");
    refuses({{"op", "images"}, {"at", "0,0,0,0"}, {"gradient", ""}}, "images has no gradient");
    refuses({{"parameter", "weight"}, {"at", "0"}, {"update", ""}},
            "parameter weight: the model has no such");
    refuses({{"parameter", "layer_1.0.weight"}, {"at", "0,0,0,0"}}, "needs one of gradient and update");
    refuses({{"parameter", "layer_1.1.running_mean"}, {"at", "0"}, {"gradient", ""}}, "it has no gradient");
}

TEST_CASE("inspect step --serve answers over HTTP until it is told to end") {
    tests::Program program("inspect", {"step", "--model", "basic_block_net", "--image-size", "16",
                                       "--batch-size", "2", "--steps", "2", "--serve"});
    if (!program.wait_for_output("until Ctrl-C")) {
        const tests::Outcome outcome = program.wait();
        CHECK(outcome.code == 2);
        CHECK_MESSAGE(contains(outcome.err, "apt-get install libcpp-httplib-dev"), outcome.err);
        return;
    }
    const int port = tests::port_in(program.output());
    const std::string page = tests::http_get(port, "/");
    CHECK(contains(page, "200 OK"));
    CHECK(contains(page, "\"served\":true"));
    CHECK(contains(page, "</html>"));
    const std::string terms = tests::http_get(port, "/terms?op=layer_1.3&at=1,2,3,4&gradient");
    CHECK(contains(terms, "200 OK"));
    CHECK(contains(terms, "application/json"));
    CHECK(contains(terms, "\"adds_up\":true"));
    CHECK(contains(tests::http_get(port, "/terms?parameter=layer_1.0.weight&at=0,1,1,2&update"),
                   "what momentum"));
    CHECK(contains(tests::http_get(port, "/terms?op=layer_9&at=0"), "400 Bad Request"));
    CHECK(contains(tests::http_get(port, "/else"), "There are / with the page, and /terms"));
    CHECK(contains(tests::http_get(port, "/", "localhost"), "200 OK"));
    for (const char* host : {"vitrine.example", "127.0.0.1.example:80", "localhost.example", ""})
        CHECK_MESSAGE(
            contains(tests::http_get(port, "/terms?op=layer_1.3&at=1,2,3,4", host), "403 Forbidden"), host);

    const tests::Outcome second =
        tests::run("inspect", {"step", "--model", "basic_block_net", "--serve", std::to_string(port)});
    CHECK(second.code == 2);
    CHECK_MESSAGE(contains(second.err, fmt::format("--serve {}: another program has this port", port)),
                  second.err);

    program.send(SIGTERM);
    CHECK(program.wait().code == 0);
}

TEST_CASE("--serve says which ports there are") {
    for (const char* port : {"0", "65536", "x", "recipe.toml"}) {
        const tests::Outcome outcome = tests::run("inspect", {"step", "--serve", port});
        CHECK(outcome.code == 2);
        CHECK_MESSAGE(
            contains(outcome.err, fmt::format("--serve {}: a whole number from 1 to 65535 is needed; FILE "
                                              "comes before --serve",
                                              port)),
            outcome.err);
    }
}

}  // namespace vitrine::inspect
