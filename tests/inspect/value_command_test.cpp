// inspect value, as it is run: what it prints, and what it refuses.

#include <doctest/doctest.h>

#include "tests/error_of.h"
#include "tests/tools/program.h"

namespace vitrine::inspect {
namespace {

tests::Outcome value(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"value", "--model", "basic_block_net", "--image-size", "16", "--batch-size", "2"});
    return tests::run("inspect", std::move(arguments));
}

}  // namespace

TEST_CASE("inspect value lists ops, and prints a number's terms") {
    const tests::Outcome list = value({});
    CHECK(list.code == 0);
    CHECK(contains(list.out, "dense_conv             y [2, 16, 16, 32]"));
    CHECK(contains(list.out, "mean [32]"));
    CHECK_FALSE(contains(list.out, "score_batch"));

    const tests::Outcome number =
        value({"--op", "layer_1.3", "--at", "1,2,3,4", "--gradient", "--terms", "3"});
    CHECK(number.code == 0);
    CHECK(contains(number.out, "gradient of layer_1.3 at [1,2,3,4]"));
    CHECK(contains(number.out, "stored in f32"));
    CHECK_FALSE(contains(number.out, "DO NOT ADD UP"));

    const tests::Outcome weight =
        value({"--parameter", "layer_1.0.weight", "--at", "0,1,1,2", "--gradient", "--terms", "3"});
    CHECK(weight.code == 0);
    CHECK(contains(weight.out, "and 509 smaller terms"));
    const tests::Outcome update = value({"--parameter", "layer_1.0.weight", "--at", "0,1,1,2", "--update"});
    CHECK(update.code == 0);
    CHECK(contains(update.out, "weight decay"));
    const tests::Outcome running = value({"--parameter", "layer_1.1.running_var", "--at", "7", "--update"});
    CHECK(running.code == 0);
    CHECK(contains(running.out, "rows / (rows − 1) 1.00196"));
    CHECK_FALSE(contains(running.out, "DO NOT ADD UP"));
}

TEST_CASE("inspect value says in a sentence what cannot be") {
    const auto refuses = [](const std::vector<std::string>& arguments, const std::string& sentence) {
        const tests::Outcome outcome = value(arguments);
        CHECK(outcome.code == 2);
        CHECK_MESSAGE(contains(outcome.err, sentence), outcome.err);
    };
    refuses({"--op", "layer_9", "--at", "0"}, "--op layer_9: the step has no such op");
    refuses({"--op", "layer_1.0", "--at", "0,0"},
            "--at 0,0: layer_1.0 has 4 axes, [2, 16, 16, 32], so 4 numbers");
    refuses({"--op", "layer_1.0", "--at", "0,0,16,0"}, "from 0 to 15");
    refuses({"--op", "layer_1.0", "--at", "0,0,x,0"}, "from 0 to 15");
    refuses({"--op", "layer_1.0", "--output", "z", "--at", "0"}, "--output z: layer_1.0 leaves y, mean, m2");
    refuses({"--op", "layer_1.0"}, "--op needs --at");
    refuses({"--at", "0"}, "--at needs --op or --parameter");
    refuses({"--op", "layer_1.0", "--parameter", "layer_1.0.weight", "--at", "0"}, "one of them");
    refuses({"--op", "layer_1.0", "--at", "0,0,0,0", "--update"}, "--update is of a --parameter");
    refuses({"--parameter", "layer_1.0.weight", "--at", "0,0,0,0"}, "needs one of --gradient and --update");
    refuses({"--parameter", "weight", "--at", "0", "--update"}, "no such parameter");
    refuses({"--parameter", "layer_1.1.running_mean", "--at", "0", "--gradient"},
            "no trained parameter, so it has no gradient");
    refuses({"--parameter", "layer_1.1.num_batches_tracked", "--at", "0", "--update"}, "it counts batches");
}

TEST_CASE("inspect says which commands and lessons there are") {
    const auto says = [](std::vector<std::string> arguments, const std::string& sentence) {
        const tests::Outcome outcome = tests::run("inspect", std::move(arguments));
        CHECK(outcome.code == 2);
        CHECK_MESSAGE(contains(outcome.err, sentence), outcome.err);
    };
    says({}, "inspect: inspect has the commands step, value, kernel, lesson (see inspect --help)");
    says({"nope"}, "inspect: nope is no command: inspect has the commands step, value, kernel, lesson");
    says({"--nope", "value"}, "--nope");
    says({"lesson"}, "N is required");
    says({"lesson", "99"}, "inspect: lesson 99: a whole number from 1 to ");
}

}  // namespace vitrine::inspect
