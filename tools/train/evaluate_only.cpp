// train --eval-only: measures a saved model on images of a data set.

#include <fmt/format.h>

#include <cmath>

#include "engine/error.h"
#include "tools/common/run_program.h"
#include "tools/common/weights_file.h"
#include "tools/train/class_match.h"
#include "tools/train/evaluation.h"
#include "tools/train/measured_part.h"
#include "tools/train/run.h"
#include "tools/train/setup.h"

namespace vitrine::train {
namespace {

/// Whether the recipe says how large the images are and what is made of them; else the model's file does.
bool says_how_to_prepare(const recipe::Recipe& recipe) {
    const EvalTransform& asked = recipe.transforms.evaluation;
    return recipe.data.image_size > 0 || recipe.data.image_shape != ImageShape::square || asked.resize > 0 ||
           asked.center_crop > 0;
}

/// Images are turned as in training, unless the recipe says otherwise.
Options with_orientation_of(const tools::ModelDescription& description, Options options) {
    std::optional<bool>& turned = options.recipe.data.exif_orientation;
    if (!turned) turned = description.exif_orientation;
    return options;
}

EvalTransform preparation_for(const recipe::Recipe& recipe, const tools::ModelDescription& description) {
    EvalTransform preparation = description.preparation;
    if (says_how_to_prepare(recipe)) {
        preparation.resize = recipe.transforms.evaluation.resize;
        preparation.center_crop = recipe.transforms.evaluation.center_crop;
    }
    if (recipe.normalize_given) preparation.normalize = recipe.transforms.evaluation.normalize;
    return preparation;
}

}  // namespace

int evaluate_only(const Options& given, Reporter& reporter) {
    const tools::DeviceChoice device = set_up_machine(given);
    const auto [file, notices] = tools::read_weights(given.eval_only);
    for (const std::string& notice : notices) reporter.notice(notice);
    const bool described = tools::description_in(file, given.eval_only).has_value();
    tools::ModelDescription description = describe_checkpoint(given, file);

    const Options options = with_orientation_of(description, given);
    const recipe::Recipe& recipe = options.recipe;
    Dataset dataset = read_data(
        options, says_how_to_prepare(recipe) ? keeping_of(recipe.data) : description.source, reporter);
    report_data(dataset, nullptr, reporter);
    if (described && dataset.class_names.size() == description.classes.size())
        number_classes(dataset, description.classes);
    check_classes(description, dataset, options.eval_only, described);
    if (!described) {
        description.preparation.normalize = normalization_of(dataset);
        reporter.notice(
            fmt::format("{} does not say how to normalise images: the mean and deviation of the training "
                        "images are used",
                        options.eval_only));
    }
    const Placement placement{DType::f32, device.device};
    const ImageSet measured = measured_part(options, trained_on(file, options.eval_only), dataset, reporter);
    InputMaker inputs(measured, preparation_for(recipe, description), placement);
    description.image_size = inputs.output_size().height;
    const std::shared_ptr<nn::Module> model =
        tools::build_model(description, placement, file, options.eval_only);
    Ranks itself(alone());
    const tools::Scores scores =
        evaluate(*model, inputs, measured, recipe.training.batch_size, nullptr, reporter, itself);
    if (!std::isfinite(scores.loss()))
        throw tools::Failure(fmt::format("the loss of {} on these images is {}: its logits overflow",
                                         options.eval_only, scores.loss()));
    const auto weights = file.metadata.find("weights");
    const bool averaged = weights != file.metadata.end() && weights->second == name_of(Weights::averaged);
    reporter.evaluated({scores, measured.count, averaged ? Weights::averaged : Weights::plain});
    return 0;
}

}  // namespace vitrine::train
