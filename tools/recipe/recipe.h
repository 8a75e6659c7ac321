// A recipe: everything that decides what a run computes, as a TOML file.
//
//     seed = 0
//     [data]        the images
//     [model]       the network
//     [transforms]  see data/transforms/pipeline.h
//     [training]    the steps
//     [[phase]]     one table a phase, in their order
//
// recipe_fields.h lists the keys.
//
// Every key has a default but those of schedulers and ops that say otherwise. Where a run computes (device,
// threads) and what it prints is not part of the recipe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/keeping.h"
#include "data/transforms/pipeline.h"
#include "engine/optim/schedulers/spec.h"
#include "engine/toml_reader.h"
#include "kernels/dtype.h"
#include "models/models.h"

namespace vitrine::recipe {

/// See data/dataset.h for what each means.
struct DataSettings {
    std::string path;  // empty: Debian's Fashion-MNIST
    std::string kind = "auto";
    ImageShape image_shape = ImageShape::square;
    int64_t image_size = 0;
    std::optional<bool> exif_orientation;  // unset: no, or as the file of a model that is measured says
    double subset = 1.0;
    std::optional<double> validation;
    bool strict = false;
    std::string image_column, label_column;  // of a table; empty: told by their names
};

struct ModelSettings {
    std::string name = models::default_model().name;
    std::string init;             // a file of weights to begin with; empty: none
    bool init_optimizer = false;  // whether its optimiser's momentum is taken, too
    models::ModelVariant variant;
};

/// What each class of the training images counts for.
struct ClassWeighting {
    enum class Kind {
        alike,     // all the same
        balanced,  // the inverse of its number of images
        listed,    // as `weights` says
    };
    Kind kind = Kind::alike;
    std::map<std::string, double> weights;  // by the class's name as escape() writes it; one is above 0
};

struct TrainingSettings {
    int64_t batch_size = 64;       // images of a batch; an incomplete last one is left out
    int64_t shards = 1;            // equal parts of a batch (engine/step/shards.h)
    bool sync_batch_norm = false;  // whether batch norm is over all of them (engine/step/lockstep.h)
    int64_t accumulate = 1;        // batches whose gradients make up one step
    DType precision = DType::f32;  // f64: to tell what is rounding; bf16, f16: of activations
    double label_smoothing = 0.0;
    ClassWeighting class_weights;  // in the loss
    ClassWeighting sampler;        // of what is drawn in an epoch; alike: each image once
    double ema_decay = 0.0;        // of the average of weights that is validated too; 0: none
    double clip_norm = 0.0;        // largest norm of all gradients together; 0: any
    double skip_outliers =
        0.0;  // leave a step out whose gradients are so many times the usual norm; 0: never
    int64_t early_stopping = 0;        // epochs without a better accuracy that end a phase; 0: never
    double checkpoint_minutes = 10.0;  // between checkpoints inside an epoch; 0: after each step
    int64_t keep_checkpoints = 2;      // the newest so many
    bool graph = false;                // steps are recorded and launched at once (engine/step/step_graph.h)
    int64_t watch = 0;  // steps between looks at all layers and parameters, for watch.jsonl; 0: none
};

enum class StartFrom { last, best };

struct PhaseSettings {
    std::string name;
    int64_t epochs = 6;
    double learning_rate = 0.1;
    std::optional<double> head_learning_rate;  // of the model's head; unset: as all others
    double momentum = 0.9;
    bool nesterov = false;
    double weight_decay = 1e-4;
    bool decay_norms_and_biases = true;
    optim::SchedulerSpec scheduler;
    std::string freeze;         // patterns of the names of parameters that are not trained; empty: all are
    bool freeze_norms = false;  // whether frozen batch norms stay in evaluation mode
    StartFrom start_from = StartFrom::last;  // which weights of the phase before
    bool reset_momentum = false;             // else the buffers are kept
};

struct Recipe {
    std::string source;  // the file's name, for messages
    uint64_t seed = 0;
    DataSettings data;
    ModelSettings model;
    Transforms transforms;
    bool normalize_given = false;  // else the data's own mean and deviation are used
    toml::table transforms_table;  // as it was written
    TrainingSettings training;
    std::vector<PhaseSettings> phases;  // at least one
    std::vector<std::string> notices;   // what it says in vain: unused_settings.h
};

/// Reads a recipe. Throws Error naming the line, what is wrong and what is allowed.
Recipe parse_recipe(const toml::table& table, const std::string& source);

/// The whole recipe with every default written out; parsing it gives the same recipe. A learning rate or
/// momentum that the scheduler does not use is left out.
std::string to_toml(const Recipe& recipe);

/// A number as TOML has it: every bit, and never taken for a whole number.
std::string toml_number(double value);

/// A text as TOML has it, in quotes.
std::string toml_text(const std::string& value);
/// "balanced", a table of weights, or what all classes alike are called.
std::string toml_weighting(const ClassWeighting& weighting, const char* alike);
/// Any value on one line.
std::string toml_value(const toml::node& node);

/// "SGD with learning rate 0.1, momentum 0.9, weight decay 0.0001; constant": a phase in one line.
std::string describe(const PhaseSettings& phase);

}  // namespace vitrine::recipe
