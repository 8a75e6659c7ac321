// inspect lesson: the exercise of a lesson, and whether an answer to it is right.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <optional>

#include "lab/inspect/commands.h"
#include "lab/inspect/lessons/lesson.h"
#include "tools/common/command_line.h"

namespace vitrine::inspect {
namespace {

struct LessonOptions {
    int64_t number = 0;
    std::optional<std::string> answer;
};

int run_lesson(const LessonOptions& options) {
    const Lesson& lesson = lessons()[static_cast<size_t>(options.number - 1)];
    if (!options.answer) {
        std::cout << lesson.exercise << '\n';
        return 0;
    }
    const Verdict verdict = lesson.check(*options.answer);
    std::cout << verdict.words << '\n';
    return verdict.right ? 0 : 1;
}

}  // namespace

Command add_lesson(CLI::App& app) {
    CLI::App* command = app.add_subcommand("lesson", "The exercise of a lesson, and the check of its answer");
    auto options = std::make_shared<LessonOptions>();
    command
        ->add_option_function<std::string>(
            "N",
            [options](const std::string& text) {
                options->number = tools::parse_whole("lesson", text, 1, std::ssize(lessons()));
            },
            "Which lesson of tools/lessons/")
        ->required()
        ->type_name("");
    command->add_option("--check", options->answer, "What you found; exit code 0: it is right")
        ->type_name("ANSWER");
    return {command, [options] { return run_lesson(*options); }};
}

}  // namespace vitrine::inspect
