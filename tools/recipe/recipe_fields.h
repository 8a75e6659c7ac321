// The keys of a recipe, each once: what is allowed, what it means, and the flag of train that sets it. Reading
// (parse_recipe.cpp), writing (resolved.cpp), the command line (train/recipe_flags.cpp) and the README's table
// (held to it by tests/tools/recipe_keys_test.cpp) all walk this list. Defaults are those of recipe.h's members.
#pragma once

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <string>

#include "data/dataset.h"
#include "engine/step/scalars.h"
#include "models/models.h"
#include "tools/common/command_line.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/scheduler_fields.h"

namespace vitrine::recipe {

struct Key {
    std::string name;
    std::string meaning;    // broken into lines as --help shows it
    std::string flag = {};  // "--batch-size"; empty: none
    /// What a flag takes, where its sentence says that in another way than a recipe's.
    std::optional<tools::Interval> flag_takes = {};
    /// What --help says in brackets of a key that is left out, where that is not the default itself. Empty: nothing.
    std::optional<std::string> standing = {};
};

inline constexpr int64_t billion = 1'000'000'000;
inline constexpr Limits not_negative{0.0, unlimited};
inline constexpr Limits learning_rates{1e-30, 1e30};  // what is left of them in single precision
/// Shares that must not be everything.
inline constexpr Limits below_one{0.0, 0.999999};
inline constexpr std::array image_shapes{tools::Name{"square", ImageShape::square},
                                         tools::Name{"aspect", ImageShape::aspect},
                                         tools::Name{"original", ImageShape::original}};
inline constexpr auto precisions = [] {
    std::array<tools::Name<DType>, floating_dtypes.size()> names{};
    for (size_t i = 0; i < names.size(); ++i) names[i] = {name_of(floating_dtypes[i]), floating_dtypes[i]};
    return names;
}();
/// What a ClassWeighting is called where all classes are alike, by key.
inline constexpr const char* all_count_alike = "none";
inline constexpr const char* each_image_once = "shuffle";
inline constexpr std::array starts{tools::Name{"last", StartFrom::last},
                                   tools::Name{"best", StartFrom::best}};

/// "0.1 for basic_block_net, 0.02 for mobilenet_v2"
std::string learning_rates_of_models();
/// "for\nbasic_block_net rounded up to a multiple of 8"
std::string rounded_sizes_of_models();

// Each calls `fields` with its keys in turn: folder(key, text), file(key, text), choice(key, value, names), whole(key, value, low,
// high), number(key, value, limits), flag(key, value), text(key, value), weighting(key, value, name of "all classes
// alike"), scheduler(key, spec, learning_rate), warmup(key, optional), hold(key, optional); and check(key, holds, sentence) with what one key alone cannot tell.

template <class Fields>
void visit_fields(DataSettings& data, Fields& fields) {
    fields.folder(
        {"path", "Folder of the data set, its table or its .tar", "--data", {}, "Debian's Fashion-MNIST"},
        data.path);
    fields.choice(
        {"kind",
         "How the data are laid out [auto: by their files];\nclass_folders: every folder is a class, "
         "whatever\nits name",
         "--dataset",
         {},
         ""},
        data.kind, dataset_kinds());
    fields.choice(
        {"image_shape",
         "How image files are kept: square, resized and\ncropped to image_size; aspect, their shorter side "
         "made\nimage_size; original, as they are, a shorter side\nabove image_size made that",
         "--image-shape"},
        data.image_shape, image_shapes);
    fields.whole({"image_size", "Side in pixels that images are resized and cropped to", "--image-size",
                  tools::Interval{1, 4096},
                  "\nthe data's own, 64 for folders of images; " + rounded_sizes_of_models()},
                 data.image_size, 0, 4096);
    fields.flag({"exif_orientation",
                 "Turn photographs as their EXIF orientation says",
                 "--exif-orientation",
                 {},
                 "\nas they are stored, which is what torchvision\nreads"},
                data.exif_orientation);
    fields.number({"subset", "Share of the training images of each class to use", "--subset",
                   tools::Interval{0.0, 1.0, true}},
                  data.subset, {1e-9, 1.0});
    fields.number({"validation", "Share to hold out where the data have no validation\nimages of their own",
                   "--validation", tools::Interval{0.0, 1.0, true, true}, "0.2"},
                  data.validation, {1e-9, 0.999999});
    fields.flag(
        {"strict",
         "A damaged image, or a file that looks like one and\ncannot be read (a HEIF, a dangling link), "
         "is an error\ninstead of being skipped; notes, lists and Thumbs.db\nare not",
         "--strict"},
        data.strict);
    fields.text({"image_column",
                 "Of a table: its column that names the images",
                 "--image-column",
                 {},
                 "told by\nits name"},
                data.image_column);
    fields.text(
        {"label_column", "Of a table: its column of classes", "--label-column", {}, "told by its name"},
        data.label_column);
}

template <class Fields>
void visit_fields(ModelSettings& model, Fields& fields) {
    fields.choice({"name", "What to train", "--model"}, model.name, models::model_names());
    fields.file(
        {"init",
         "Weights to begin with: .safetensors, or what\nPyTorch's torch.save wrote (.pth); a head for other\n"
         "classes is made anew",
         "--init",
         {},
         "none"},
        model.init);
    fields.flag({"init_optimizer",
                 "Take the momentum of its optimiser, too: of\ntorch.optim.SGD, or of a run's checkpoint",
                 "--init-optimizer",
                 {},
                 ""},
                model.init_optimizer);
    fields.check("init_optimizer", !model.init_optimizer || !model.init.empty(),
                 "init_optimizer needs init: the file that the optimiser is in");
    for (const models::ModelOption& option : models::all_model_options()) {
        if (!fields.check(
                option.key, models::model_from_name(model.name).has(option),
                fmt::format("{} has no {}; it is for {}", model.name, option.key, models_with(option))))
            continue;
        fields.number({option.key, option.meaning, option.flag(),
                       tools::Interval{option.low, option.high, option.low_open, option.high_open}},
                      model.variant.*option.value, {option.least, option.most});
    }
}

template <class Fields>
void visit_fields(TrainingSettings& training, Fields& fields) {
    fields.whole({"batch_size", "Images a step; an incomplete last batch is left out", "--batch-size",
                  tools::Interval{1, 1'000'000}},
                 training.batch_size, 2, 1'000'000);
    fields.whole({"shards", "Equal parts of a batch, each with passes and batch norm\nstatistics of its own"},
                 training.shards, 1, StepScalars::capacity);
    fields.check(
        "shards", training.batch_size % training.shards == 0 && training.batch_size / training.shards >= 2,
        fmt::format("{} images of a batch make no {} equal shards of 2 images or more: choose shards "
                    "that divide batch_size",
                    training.batch_size, training.shards));
    fields.flag({"sync_batch_norm",
                 "Whether these have batch norm's statistics in common: those\nof the whole batch"},
                training.sync_batch_norm);
    fields.check(
        "sync_batch_norm", !training.sync_batch_norm || training.shards > 1,
        "sync_batch_norm needs shards of 2 or more: a batch in one piece has its statistics over all of it");
    fields.whole({"accumulate", "Batches whose gradients make up a step"}, training.accumulate, 1, 1'000'000);
    fields.choice({"precision",
                   "Of what is stored; sums and weights are f32 beside\nbf16 and f16; f64 takes several "
                   "times as long: to tell\nrounding from other differences",
                   "--precision"},
                  training.precision, precisions);
    fields.number({"label_smoothing", "Share of the target given to all classes alike", "--label-smoothing"},
                  training.label_smoothing, share);
    fields.weighting(
        {"class_weights",
         "What each class counts for in the loss: balanced, the\nfewer its images the more, or in a "
         "recipe a table of\nclasses",
         "--class-weights"},
        training.class_weights, all_count_alike);
    fields.weighting(
        {"sampler",
         "Images of an epoch: each once, or drawn with\nreplacement: balanced, so that each class "
         "comes as\noften, or in a recipe by a table of classes",
         "--sampler"},
        training.sampler, each_image_once);
    fields.check("sampler",
                 training.class_weights.kind != ClassWeighting::Kind::balanced ||
                     training.sampler.kind != ClassWeighting::Kind::balanced,
                 "class_weights and sampler of training are both \"balanced\", which makes up for unequal "
                 "classes twice: leave one of them out");
    fields.number(
        {"ema_decay",
         "Of an average of the weights, which is then what is validated for `best` and kept; 0: none"},
        training.ema_decay, below_one);
    fields.number({"clip_norm", "Largest norm of all gradients together; 0: any"}, training.clip_norm,
                  not_negative);
    fields.number({"skip_outliers",
                   "A step whose gradients' norm is above so many times the usual one is left out; 0: never"},
                  training.skip_outliers, not_negative);
    fields.whole({"early_stopping", "Epochs without a better accuracy that end a phase; 0: never"},
                 training.early_stopping, 0, billion);
    fields.number({"checkpoint_minutes", "Between checkpoints inside an epoch; 0: after each step"},
                  training.checkpoint_minutes, not_negative);
    fields.whole({"keep_checkpoints", "How many of the newest checkpoints are kept"},
                 training.keep_checkpoints, 1, 1000);
    fields.flag({"graph", "Record steps as graphs of the GPU, to launch each at once", "--graph"},
                training.graph);
    fields.whole(
        {"watch", "Steps between looks at every layer and parameter, for\nthe report's maps; 0: none",
         "--watch"},
        training.watch, 0, billion);
}

/// `number` counts phases from 1.
template <class Fields>
void visit_fields(PhaseSettings& phase, size_t number, Fields& fields) {
    fields.text({"name", "Of the phase, for its lines and curves"}, phase.name);
    fields.whole({"epochs", "Passes over the training images", "--epochs"}, phase.epochs, 1, 1'000'000);
    fields.number({"lr", "Learning rate: the first, or one_cycle's highest", "--lr",
                   tools::Interval{0.0, unlimited, true}, "\n" + learning_rates_of_models()},
                  phase.learning_rate, learning_rates);
    fields.number(
        {"head_lr",
         "The same of the model's head, its last linear layer, which\nfollows the schedule in proportion",
         "--head-lr", tools::Interval{0.0, unlimited, true}, "lr"},
        phase.head_learning_rate, learning_rates);
    fields.number(
        {"momentum", "Of stochastic gradient descent", "--momentum", tools::Interval{0.0, 1.0, false, true}},
        phase.momentum, below_one);
    fields.flag({"nesterov", "Look ahead along the momentum", "--nesterov"}, phase.nesterov);
    fields.check("nesterov", !phase.nesterov || phase.momentum != 0.0,
                 "nesterov of phase needs a momentum above 0");
    fields.number({"weight_decay", "Pull of all parameters towards zero", "--weight-decay"},
                  phase.weight_decay, not_negative);
    fields.flag({"decay_norms_and_biases", "Whether weight decay holds for batch norm and biases too"},
                phase.decay_norms_and_biases);
    fields.text({"freeze",
                 "Parameters that are not trained: names of parts, or\npatterns of * and ?, commas between "
                 "(features.*)",
                 "--freeze",
                 {},
                 "none"},
                phase.freeze);
    fields.flag({"freeze_norms", "Keep batch norms that are frozen in evaluation mode", "--freeze-norms"},
                phase.freeze_norms);
    fields.scheduler({"scheduler", "Of the learning rate", "--schedule"}, phase.scheduler,
                     phase.learning_rate);
    fields.warmup({"warmup", "Steps before the scheduler in which the rate rises"}, phase.scheduler.warmup);
    fields.hold({"hold", "Steps after the warm-up in which the rate stays, before\nthe scheduler begins"},
                phase.scheduler.hold);
    fields.choice({"start_from", "Which weights of the phase before it begins with"}, phase.start_from,
                  starts);
    fields.check("start_from", phase.start_from == StartFrom::last || number > 1,
                 "the first phase has none before it to take the best of");
    fields.flag({"reset_momentum", "Whether the phase begins without momentum"}, phase.reset_momentum);
}

/// Those that stand in no table.
template <class Fields>
void visit_fields(Recipe& recipe, Fields& fields) {
    fields.whole({"seed", "Of everything random; the same seed gives the same bits", "--seed"}, recipe.seed,
                 0, std::numeric_limits<int64_t>::max());
}

}  // namespace vitrine::recipe
