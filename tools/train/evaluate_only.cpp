// train --eval-only: measures a saved model on the validation images.

#include <fmt/format.h>

#include "engine/error.h"
#include "tools/train/evaluation.h"
#include "tools/train/run.h"
#include "tools/train/setup.h"

namespace vitrine::train {
namespace {

/// Throws where labels of the data would mean other classes to the model.
void check_classes(const tools::ModelDescription& description, const Dataset& dataset,
                   const std::string& source, bool names_known) {
    const auto& in_file = description.classes;
    const auto& in_data = dataset.class_names;
    if (in_file.size() != in_data.size())
        throw Error(
            fmt::format("{} knows {} classes, but the data have {}", source, in_file.size(), in_data.size()));
    if (!names_known) return;
    for (size_t i = 0; i < in_file.size(); ++i) {
        if (in_file[i] != in_data[i])
            throw Error(fmt::format("class {} is '{}' in {}, but '{}' in the data", i, in_file[i], source,
                                    in_data[i]));
    }
}

/// The recipe's pipeline for validation; where it has none, the images as the model was trained on them.
EvalTransform transform_for(const Options& options, const tools::ModelDescription& description) {
    EvalTransform transform = options.recipe.transforms.evaluation;
    if (!options.recipe.normalize_given) transform.normalize = description.normalization;
    return transform;
}

}  // namespace

int evaluate_only(const Options& options, Reporter& reporter) {
    const tools::DeviceChoice device = set_up_machine(options);
    const SafeTensors file = read_safetensors(options.eval_only);
    const bool described = tools::description_in(file, options.eval_only).has_value();
    tools::ModelDescription description = describe_checkpoint(options, file);

    const int64_t wanted = options.recipe.data.image_size;
    const bool resized = options.recipe.transforms.evaluation.resize > 0;
    const Dataset dataset =
        load_data(options, wanted != 0 || resized ? wanted : description.image_size, reporter);
    check_classes(description, dataset, options.eval_only, described);
    if (!described) {
        description.normalization = normalization_of(dataset);
        reporter.notice(
            fmt::format("{} does not say how to normalise images: the mean and deviation of the training "
                        "images are used",
                        options.eval_only));
    }
    const Placement placement{DType::f32, device.device};
    InputMaker inputs(dataset.validation, transform_for(options, description), placement);
    description.image_size = inputs.output_size().height;
    const std::shared_ptr<nn::Module> model =
        tools::build_model(description, placement, file, options.eval_only);
    tools::TrainingStep step(*model, {}, 0.0);
    reporter.evaluated(
        evaluate(step, inputs, dataset.validation, options.recipe.training.batch_size, nullptr, reporter));
    return 0;
}

}  // namespace vitrine::train
