// train --autotune: what was tried is kept, read again, and tried anew where it is another device's.

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "engine/input_file.h"
#include "engine/safetensors.h"
#include "tests/error_of.h"
#include "tests/tools/colour_run.h"

namespace vitrine::tests {
namespace {

using Json = nlohmann::ordered_json;

struct Fixture : ColourRuns {
    std::string choices = folder / "choices.json";

    Outcome tuned(const std::string& name, const std::string& file) const {
        return train(name, {"--epochs", "1", "--device", "cpu", "--autotune", file});
    }
    Json read() const { return Json::parse(read_file(choices)); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "train --autotune: implementations are tried once, and kept") {
    const Outcome first = tuned("first", choices);
    REQUIRE_MESSAGE(first.code == 0, first.err);
    CHECK(contains(first.err, "autotune: dense_conv_forward: "));
    const Json kept = read();
    CHECK(contains(kept.at("device").get<std::string>(), "oneDNN"));
    CHECK(kept.at("calls").size() > 4);
    for (const Json& call : kept.at("calls")) {
        CHECK(call.at("tried").size() > 1);
        for (const Json& tried : call.at("tried")) CHECK(!tried.contains("fault"));
    }

    // The second run tries nothing, and has the first one's bits.
    REQUIRE(tuned("second", choices).code == 0);
    CHECK(read() == kept);
    const SafeTensors second = read_safetensors(path("second", "last.safetensors"));
    for (const SafeTensor& tensor : read_safetensors(path("first", "last.safetensors")).tensors)
        CHECK(tensor.bytes == second.at(tensor.name).bytes);
}

TEST_CASE_FIXTURE(Fixture, "train --autotune: what another device or library made is made anew, and said") {
    std::ofstream(choices) << R"({"device": "another GPU, cuDNN 91400", "calls": [{"kernel": "linear_forward",
                                  "call": "f32 8x16 -> 2", "chosen": "onednn", "tried": []}]})";
    const Outcome outcome = tuned("run", choices);
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    CHECK(contains(outcome.err, "was made by 'another GPU, cuDNN 91400'"));
    CHECK(contains(outcome.err, "tried anew"));
    CHECK(read().at("device") != "another GPU, cuDNN 91400");
    for (const Json& call : read().at("calls")) CHECK(call.at("tried").size() > 1);
}

TEST_CASE_FIXTURE(Fixture, "train --autotune: a file of anything else is one sentence, and left as it is") {
    for (const std::string text : {"", "no JSON", "[]", "{}", R"({"device": 1, "calls": []})",
                                   R"({"device": "cpu", "calls": [{"kernel": "linear_forward"}]})"}) {
        std::ofstream(choices) << text;
        const Outcome outcome = tuned("run", choices);
        CHECK(outcome.code == 2);
        CHECK_MESSAGE(contains(outcome.err, "--autotune " + choices), outcome.err);
        CHECK(read_file(choices) == text);
    }
    CHECK(contains(tuned("run", folder / "nowhere/choices.json").err, "--autotune"));
}

}  // namespace vitrine::tests
