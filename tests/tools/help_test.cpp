// What --help says, of every program alike.

#include <doctest/doctest.h>

#include <algorithm>
#include <regex>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

/// Characters, each of which may be several bytes.
size_t letters_in(const std::string& text) {
    return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

struct Page {
    std::string program;
    std::vector<std::string> arguments;
    std::vector<std::string> groups;
    std::vector<std::string> parts;  // defaults, and what is allowed
};

TEST_CASE("--help says what a program is, groups its options, and gives examples and exit codes") {
    const Page pages[] = {
        {"train",
         {},
         {"Recipe:", "Data:", "Machine:"},
         {"[64]", "basic_block_net|mobilenet_v2", "--fusion on|written|off"}},
        {"predict", {}, {"Output:", "Machine:"}, {"[64]", "auto|"}},
        {"export", {}, {"Output:"}, {"pth|", "averaged|plain"}},
        {"gradcheck",
         {},
         {"What:", "The checks:", "The report:"},
         {"[cpu; simt with --report]", "cpu|", "t4|", "[h100]", "[0: one for each core]", "[OP=]NAME",
          "--fusion on|written|off"}},
        {"bench", {}, {"Subcommands:"}, {"step", "op", "augment"}},
        {"bench",
         {"step"},
         {"The training step:", "Machine and output:"},
         {"[32]", "[1000]", "[mobilenet_v2]", "[auto]", "--fusion on|written|off"}},
        {"bench", {"op"}, {"The training step:", "Machine and output:"}, {"[5]", "gradcheck --list"}},
        {"bench", {"augment"}, {"The training step:", "Machine and output:"}, {"[64]", "--plan"}},
        {"resources", {}, {"What:", "Output:"}, {"[all that were built]", "--spills"}},
    };
    const std::regex example(R"(\n  [a-z]+ [^\n]+)");
    for (const Page& page : pages) {
        std::vector<std::string> arguments = page.arguments;
        arguments.push_back("--help");
        const Outcome help = run(page.program, arguments);
        CAPTURE(page.program);
        CAPTURE(help.out);
        CHECK(help.code == 0);
        CHECK(help.err.empty());
        CHECK(help.out.find("\nExit codes: 0 ") != std::string::npos);
        if (page.arguments.empty()) {
            const size_t examples = help.out.find("\nExamples:\n");
            REQUIRE(examples != std::string::npos);
            CHECK(std::regex_search(help.out.substr(examples), example));
        }
        for (const std::string& group : page.groups)
            CHECK_MESSAGE(help.out.find("\n" + group) != std::string::npos, group);
        for (const std::string& part : page.parts)
            CHECK_MESSAGE(help.out.find(part) != std::string::npos, part);
        for (const std::string& line : help.lines()) CHECK_MESSAGE(letters_in(line) <= 132, line);
    }
}

TEST_CASE("gradcheck refuses what cannot be in one sentence that says what is allowed") {
    const auto refused = [](std::vector<std::string> arguments, const std::string& part) {
        const Outcome outcome = run("gradcheck", std::move(arguments));
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.out.empty());
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK_MESSAGE(outcome.err.find(part) != std::string::npos, part);
    };
    refused({"--device", "gpu"}, "--device gpu: choose one of ");
    refused({"--report", "--gpu", "h200"},
            "--gpu h200: choose one of t4, a10, l4, a100, rtx3090, rtx4090, h100");
    refused({"--report", "--model", "resnet"}, "--model resnet: choose one of basic_block_net, mobilenet_v2");
    refused({"--device", "simt", "--processes", "-1"},
            "--processes -1: a whole number from 0 to 1024 is needed");
    refused({"--device", "simt", "--math-ulps", "x"}, "--math-ulps x: a whole number from 0 to 1000");
    refused({"--report", "--fusion", "yes"}, "--fusion yes: choose one of on, written, off");
    refused({"--report", "--batch-size", "1"}, "--batch-size 1: a whole number from 2 to 65536");
    refused({"--op", "nothing"}, "--op nothing: there is no such op; choose all or one of ");
}

}  // namespace
}  // namespace vitrine::tests
