// inspect step: a training step as a page for a browser, as a file or from a server.

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/atomic_file.h"
#include "engine/error.h"
#include "engine/escape.h"
#include "lab/inspect/commands.h"
#include "lab/inspect/serve/server.h"
#include "lab/inspect/source/step_source.h"
#include "lab/inspect/step_page/step_page.h"
#include "lab/inspect/step_page/troubles.h"
#include "tools/common/command_line.h"
#include "tools/common/output_file.h"

namespace vitrine::inspect {
namespace {

struct Options {
    StepSource source;
    std::string out;           // empty: step.html, and none where the page is served
    std::optional<int> serve;  // a port; 0: one that is free
};

void say_troubles(const CapturedStep& step) {
    for (const Trouble& trouble : troubles_of(step))
        std::cout << step.ops[static_cast<size_t>(trouble.op)].name << ": " << trouble.kind << ". "
                  << trouble.sentence << '\n';
}

void check_out(const std::string& out, const StepSource& source) {
    tools::check_output_file("--out", out);
    const std::filesystem::path inputs[] = {source.file, source.data};
    tools::refuse_input_as_output("--out", out, inputs);
}

int run(const Options& options) {
    const std::string out = !options.out.empty() || options.serve ? options.out : "step.html";
    if (!out.empty()) check_out(out, options.source);
    std::optional<PageServer> server;  // before the step, which takes longer than to see that a port is taken
    if (options.serve) server.emplace(*options.serve);
    const PreparedStep prepared = prepare(options.source);
    const CapturedStep step = capture_step(*prepared.model, prepared.input, prepared.settings);
    const std::string command = "inspect value" + arguments_of(options.source);
    if (!out.empty()) {
        write_atomically(out, {step_html(step, prepared, command)}, Links::follow);
        std::cout << escape(out) << '\n';
    }
    say_troubles(step);
    if (server) {
        std::string page = step_html(step, prepared, command, TermsFrom::server);
        server->run(std::move(page), [&](const Query& query) { return answer_terms(step, query); });
    }
    return 0;
}

/// "--serve" alone, or with a port.
int port_of(const std::vector<std::string>& given) {
    if (given.empty() || given.front().empty()) return 0;
    try {
        return static_cast<int>(tools::parse_whole("--serve", given.front(), 1, 65535));
    } catch (const Error& error) {
        throw Error(std::string(error.what()) + "; FILE comes before --serve");
    }
}

}  // namespace

Command add_step(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("step", "A training step as a page for a browser: every op, there and back");
    auto options = std::make_shared<Options>();
    add_step_source(*command, options->source);
    command->option_defaults()->group("Output");
    command->add_option("--out", options->out, "The page [step.html; with --serve none is written]")
        ->type_name("FILE");
    command
        ->add_option_function<std::vector<std::string>>(
            "--serve", [options](const std::vector<std::string>& given) { options->serve = port_of(given); },
            "Give out the page at 127.0.0.1 instead, where any\nelement's terms are a click, until Ctrl-C [a "
            "port that "
            "is\nfree]; with --out both")
        ->type_name("PORT")
        ->expected(0, 1);
    return {command, [options] { return run(*options); }};
}

}  // namespace vitrine::inspect
