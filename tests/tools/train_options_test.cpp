// train refuses every bad argument with exit code 2 and one sentence that names it.

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

/// One line "train: …" on the standard error that holds `part`, nothing on the standard output.
void check_refusal(const std::vector<std::string>& arguments, const std::string& part) {
    const Outcome outcome = run("train", arguments);
    CAPTURE(outcome.err);
    CAPTURE(part);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.starts_with("train: "));
    CHECK(outcome.err.find(part) != std::string::npos);
    CHECK(std::ranges::count(outcome.err, '\n') == 1);
}

TEST_CASE("train: values out of their range are refused by name") {
    struct Case {
        std::vector<std::string> arguments;
        const char* part;
    };
    const Case cases[] = {
        {{"--epochs", "0"}, "--epochs 0: a whole number from 1"},
        {{"--epochs", "two"}, "--epochs two"},
        {{"--epochs", "2.5"}, "--epochs 2.5"},
        {{"--epochs"}, "--epochs"},
        {{"--batch-size", "-4"}, "--batch-size -4"},
        {{"--batch-size", "1"}, "at least 2 images"},
        {{"--lr", "0"}, "--lr 0: a number above 0"},
        {{"--lr", "nan"}, "--lr nan"},
        {{"--lr", "inf"}, "--lr inf"},
        {{"--momentum", "1"}, "--momentum 1: a number from 0 and below 1"},
        {{"--weight-decay", "-1"}, "--weight-decay -1"},
        {{"--label-smoothing", "1.5"}, "--label-smoothing 1.5: a number from 0 to 1"},
        {{"--schedule", "linear"}, "choose one of constant, cosine, one_cycle"},
        {{"--model", "resnet"}, "choose one of basic_block_net, mobilenet_v2"},
        {{"--dataset", "mnists"}, "--dataset mnists: choose one of auto"},
        {{"--device", "gpu"}, "--device gpu: choose one of auto"},
        {{"--fusion", "maybe"}, "--fusion maybe: choose one of on, written, off"},
        {{"--check-kernels"}, "--check-kernels is for --device simt"},
        {{"--image-size", "0"}, "--image-size 0"},
        {{"--subset", "0"}, "--subset 0: a number above 0 and up to 1"},
        {{"--validation", "1"}, "--validation 1: a number above 0 and below 1"},
        {{"--seed", "-1"}, "--seed -1"},
        {{"--threads", "x"}, "--threads x"},
        {{"--max-steps", "0"}, "--max-steps 0"},
        {{"--watch", "-1"}, "--watch -1: a whole number from 0"},
        {{"--watch", "often"}, "--watch often"},
        {{"--impl", "dense_conv"}, "op=implementation"},
        {{"--impl", "no_op=x"}, "no op 'no_op'"},
        {{"--impl", "dense_conv=x"}, "no implementation 'x'"},
        {{"--width-mult", "0.5"}, "--width-mult: basic_block_net"},
        {{"--dropout", "0.5"}, "--dropout: basic_block_net"},
        {{"--nesterov", "--momentum", "0"}, "--nesterov: nesterov of phase needs a momentum"},
        {{"--json", "--quiet"}, "choose one"},
        {{"--classes", "5"}, "--classes is for --summary"},
        {{"--init", "weights.pth", "--summary"}, "--init is for training"},
        {{"--overwrite"}, "--overwrite needs --out"},
        {{"--out", ""}, "--out"},
        {{"--no-such-flag"}, "--no-such-flag"},
        {{"stray"}, "stray"},
        {{"--set", "seed"}, "KEY=VALUE"},
        {{"--set", "training.batch_sise=3"}, "did you mean batch_size?"},
        {{"--max-minutes", "0"}, "--max-minutes 0"},
        {{"--allow-changes"}, "--allow-changes needs --out"},
        {{"--preview", "0"}, "--preview 0"},
        {{"--summary", "--show-recipe"}, "choose one of them"},
    };
    for (const Case& each : cases) check_refusal(each.arguments, each.part);
}

TEST_CASE("train: files and folders that do not fit are refused before training") {
    const TemporaryFolder folder;
    check_refusal({"--data", folder / "missing", "--out", folder / "run"}, folder / "missing");
    check_refusal({"--eval-only", folder / "missing"}, folder / "missing");
    std::ofstream(folder / "file") << "text";
    check_refusal({"--out", folder / "file"}, "is not a folder");
    check_refusal({"--out", (folder / "file") + "/below"}, "is not a folder");
    check_refusal({"--eval-only", folder / "file"},
                  "neither a safetensors file nor one of PyTorch's torch.save");
    CHECK_FALSE(std::filesystem::exists(folder / "run"));
}

TEST_CASE("train: --help lists the options in groups") {
    const Outcome outcome = run("train", {"--help"});
    CHECK(outcome.code == 0);
    CHECK(outcome.err.empty());
    for (const char* part :
         {"Data:", "Model:", "Training:", "Machine:", "Output:", "--eval-only", "Examples:"})
        CHECK(outcome.out.find(part) != std::string::npos);
}

}  // namespace
}  // namespace vitrine::tests
