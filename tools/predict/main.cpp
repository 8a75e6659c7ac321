// predict: classifies images with a saved model.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "engine/error.h"
#include "engine/escape.h"
#include "engine/step/evaluate.h"
#include "tools/common/device_choice.h"
#include "tools/common/input_maker.h"
#include "tools/common/model_file.h"
#include "tools/common/output_file.h"
#include "tools/common/run_program.h"
#include "tools/common/standard_output.h"
#include "tools/common/thread_choice.h"
#include "tools/common/weights_file.h"
#include "tools/predict/inputs.h"
#include "tools/predict/logits_table.h"
#include "tools/predict/options.h"
#include "tools/predict/predictions.h"
#include "tools/predict/submission.h"

namespace vitrine::predict {
namespace {

namespace fs = std::filesystem;

void tell(const std::string& sentence) { tools::tell("predict", sentence); }

/// One line whatever the names are: a tab or a line end in one would make fields of its own.
void print(const fs::path& image, std::span<const Guess> guesses, const tools::ModelDescription& model) {
    std::cout << escape(image.string());
    for (const Guess& guess : guesses) {
        std::cout << fmt::format("\t{}\t{:.4f}",
                                 printable(model.classes[static_cast<size_t>(guess.class_index)]),
                                 guess.probability);
    }
    std::cout << '\n';
}

void report_orientations(int64_t oriented, int64_t images, bool applied) {
    if (oriented == 0) return;
    tell(fmt::format("{} of {} images carr{} an EXIF orientation, which is {} as in the model's training",
                     oriented, images, oriented == 1 ? "ies" : "y", applied ? "applied" : "ignored"));
}

/// What is written beside what is printed.
struct Tables {
    Submission submission;
    LogitsTable logits;
};

/// Returns how many images could not be decoded.
size_t classify(const Options& options, const std::vector<fs::path>& images,
                const tools::ModelDescription& description, nn::Module& model, Placement placement,
                int threads, Tables& tables) {
    const std::span<const fs::path> all(images);
    const size_t classes = description.classes.size();
    const Turning turning = description.exif_orientation ? Turning::upright : Turning::as_stored;
    size_t failed = 0;
    int64_t oriented = 0;
    for (size_t first = 0; first < all.size(); first += static_cast<size_t>(options.batch_size)) {
        const size_t count = std::min(all.size() - first, static_cast<size_t>(options.batch_size));
        const Decoded batch = decode(all.subspan(first, count), description.source, turning, threads);
        if (options.strict && !batch.failures.empty()) throw Error(batch.failures.front());
        for (const std::string& failure : batch.failures) tell("skipped " + failure);
        failed += batch.failures.size();
        oriented += batch.oriented;
        if (batch.paths.empty()) continue;
        const InputMaker inputs(batch.images, description.preparation, placement);
        const std::vector<float> logits = logits_of(model, inputs.make(whole_batch(batch.images), 0).images);
        for (size_t i = 0; i < batch.paths.size(); ++i) {
            const auto own = std::span(logits).subspan(i * classes, classes);
            if (!std::ranges::all_of(own, [](float logit) { return std::isfinite(logit); }))
                throw tools::Failure(
                    fmt::format("the logits of {} are not finite: the numbers overflow in the model of {}",
                                batch.paths[i].string(), options.checkpoint));
            const auto guesses = best_guesses(own, std::max(options.top, tables.submission.guesses_needed()));
            const size_t printed = std::min(guesses.size(), static_cast<size_t>(options.top));
            print(batch.paths[i], std::span(guesses).first(printed), description);
            if (!options.csv.empty()) tables.submission.add(batch.paths[i], guesses);
            if (!options.logits.empty()) tables.logits.add(batch.paths[i], own);
        }
    }
    report_orientations(oriented, std::ssize(images) - static_cast<int64_t>(failed),
                        description.exif_orientation);
    return failed;
}

/// Before anything is computed: what cannot be written should not cost the predictions.
void check_output(const char* flag, const std::string& file, const Options& options, const Inputs& inputs) {
    if (file.empty()) return;
    tools::check_output_file(flag, file);
    tools::refuse_input_as_output(flag, file, {{options.checkpoint}});
    tools::refuse_input_as_output(flag, file, inputs.images);
    if (inputs.table) tools::refuse_input_as_output(flag, file, {{inputs.table->table.file}});
    tools::go_on_without_output();  // the file is what counts then
}

/// Returns how many of what was left out may have been images.
size_t report_skipped(const std::vector<SkippedFile>& skipped, bool strict) {
    size_t damaged = 0;
    for (const SkippedFile& file : skipped) {
        const std::string sentence = fmt::format("{}: {}", file.path, file.reason);
        if (strict && file.kind == SkippedKind::damaged) throw Error(sentence);
        tell("skipped " + sentence);
        damaged += file.kind == SkippedKind::damaged;
    }
    return damaged;
}

int run(const Options& options) {
    const auto [file, notices] = tools::read_weights(options.checkpoint);
    for (const std::string& notice : notices) tell(notice);
    const tools::ModelDescription description = tools::describe(file, options.checkpoint, options.given);
    Inputs inputs = find_images(options, description.classes);
    const std::vector<fs::path>& images = inputs.images;
    check_output("--csv", options.csv, options, inputs);
    check_output("--logits", options.logits, options, inputs);
    const int threads = tools::choose_threads(options.threads, tell);
    const Placement placement{DType::f32, tools::choose_device(options.device).device};
    const auto model = tools::build_model(description, placement, file, options.checkpoint);

    const size_t left_out = report_skipped(inputs.skipped, options.strict);
    if (inputs.table) {
        for (const std::string& notice : notices_of(*inputs.table)) tell(notice);
    }
    Tables tables{{std::move(inputs.table), std::move(inputs.style), description.classes},
                  LogitsTable(description.classes)};
    const size_t failed =
        left_out + classify(options, images, description, *model, placement, threads, tables);
    std::cout.flush();  // before the CSV file, which may be the standard output too
    if (!options.csv.empty()) tables.submission.write(options.csv);
    if (!options.logits.empty()) tables.logits.write(options.logits);
    if (failed == 0) return 0;
    tell(fmt::format("{} of {} images could not be read", failed, images.size() + left_out));
    return 1;
}

}  // namespace
}  // namespace vitrine::predict

int main(int argc, char** argv) {
    return vitrine::tools::run_program(
        "predict", [&] { return vitrine::predict::run(vitrine::predict::parse_options(argc, argv)); });
}
