// What is exported: see source.h.

#include "tools/export/source.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "engine/error.h"
#include "tools/common/run_program.h"
#include "tools/common/weights_file.h"

namespace vitrine::exporting {
namespace {

/// Those that the run is judged by, where nothing was asked for.
Weights chosen_weights(const SafeTensors& checkpoint, const Options& options) {
    if (options.optimizer) return Weights::plain;
    const bool averages = checkpoint.find("ema_updates") != nullptr;
    if (options.weights == Weights::averaged && !averages)
        throw Error(
            fmt::format("{} has no averaged weights: its run was made without ema_decay", options.file));
    return options.weights.value_or(averages ? Weights::averaged : Weights::plain);
}

/// A checkpoint as the file of weights that would have been written in its place.
SafeTensors weights_in(const SafeTensors& checkpoint, const Options& options) {
    const Weights weights = chosen_weights(checkpoint, options);
    SafeTensors file = tools::part_of(checkpoint, weights == Weights::averaged ? "ema." : "model.");
    for (const char* of_the_run : {"progress", "recipe", "checksum"}) file.metadata.erase(of_the_run);
    file.metadata["weights"] = weights == Weights::averaged ? "averaged" : "plain";
    return file;
}

void refuse_choice_without_checkpoint(const Options& options) {
    if (options.weights)
        throw Error(fmt::format(
            "--weights: {} holds one set of weights; a run's checkpoints/ may hold the average too",
            options.file));
    if (options.optimizer)
        throw Error(fmt::format(
            "--optimizer: {} holds weights alone; the optimiser's state is in a run's checkpoints/",
            options.file));
}

}  // namespace

Source read_source(const Options& options) {
    Source source;
    tools::WeightsFile read = tools::read_tensors(options.file);
    for (const std::string& notice : read.notices) tools::tell("export", notice);
    source.file = std::move(read.state);
    const bool checkpoint = tools::is_checkpoint(source.file);
    if (!checkpoint) refuse_choice_without_checkpoint(options);
    const SafeTensors weights = checkpoint ? weights_in(source.file, options) : SafeTensors();
    const SafeTensors& file = checkpoint ? weights : source.file;
    source.description = tools::describe(file, options.file, options.given);
    source.model = tools::build_model(source.description, {}, file, options.file);
    source.metadata = file.metadata;
    source.metadata.merge(tools::to_metadata(source.description));
    return source;
}

}  // namespace vitrine::exporting
