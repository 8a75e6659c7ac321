// Runs whose activations are of 16 bits: their weights, and the scale of an f16 loss, through interruptions.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "tests/tools/colour_run.h"
#include "tests/tools/sealed.h"

namespace vitrine::tests {
namespace {

using Json = nlohmann::ordered_json;

struct Fixture : ColourRuns {
    /// Until so many steps are done.
    void train_to(const std::string& name, const std::string& precision, int steps) const {
        const Outcome outcome = train(name, {"--epochs", "3", "--batch-size", "20", "--precision", precision,
                                             "--max-steps", std::to_string(steps)});
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    }
    std::filesystem::path checkpoint(const std::string& name, int steps) const {
        return path(name, "checkpoints/step-00000000" + std::to_string(steps) + ".safetensors");
    }
    Json progress(const std::string& name, int steps) const {
        return Json::parse(read_safetensors(checkpoint(name, steps)).metadata.at("progress"));
    }
    /// A run of one step that stands at this scale of the loss.
    void begin_at_scale(const std::string& name, double scale, int followed_in_turn) const {
        train_to(name, "f16", 1);
        SafeTensors forged = read_safetensors(checkpoint(name, 1));
        Json now = progress(name, 1);
        now["loss_scale"] = {scale, followed_in_turn};
        forged.metadata["progress"] = now.dump();
        seal(forged);
        write_safetensors(checkpoint(name, 1), forged);
    }
    void check_same_weights(const std::string& a, const std::string& b) const {
        const SafeTensors of_b = read_safetensors(path(b, "last.safetensors"));
        for (const SafeTensor& tensor : read_safetensors(path(a, "last.safetensors")).tensors)
            CHECK(tensor.bytes == of_b.at(tensor.name).bytes);
    }
};

TEST_CASE_FIXTURE(Fixture, "train: a run in bf16 or f16 keeps f32 weights and goes on to the same bits") {
    for (const std::string precision : {"bf16", "f16"}) {
        const std::string whole = precision + "-whole", parts = precision + "-parts";
        train_to(whole, precision, 9);
        train_to(parts, precision, 2);
        train_to(parts, precision, 9);
        check_same_weights(whole, parts);
        CHECK(read_safetensors(path(whole, "last.safetensors")).at("layer_1.0.weight").dtype == "F32");
        CHECK(progress(whole, 9).contains("loss_scale") == (precision == "f16"));
    }
}

TEST_CASE_FIXTURE(Fixture,
                  "train: gradients in f16 that overflow are survived, to the bit across interruptions") {
    constexpr double most = 0x1p+24;
    begin_at_scale("whole", most, 0);
    copy("whole", "parts");
    train_to("whole", "f16", 9);
    for (const int steps : {2, 4, 9}) train_to("parts", "f16", steps);
    check_same_weights("whole", "parts");
    const Json end = progress("whole", 9);
    CHECK(end == progress("parts", 9));
    CHECK(end["skipped_steps"].get<int>() > 0);
    CHECK(end["skipped_steps"].get<int>() < 8);
    CHECK(end["loss_scale"][0].get<double>() < most);
}

TEST_CASE_FIXTURE(Fixture, "train: a scale of 1 is a scale as any other") {
    begin_at_scale("run", 1.0, 5);
    train_to("run", "f16", 3);
    CHECK(progress("run", 3)["loss_scale"] == Json({1.0, 7}));
}

}  // namespace
}  // namespace vitrine::tests
