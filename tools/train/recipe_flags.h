// The flags of train that stand for a key of the recipe: those that recipe_fields.h names.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace vitrine::train {

/// A flag as it was given: a value for a place of the recipe, both as recipe::set_value takes them.
struct Change {
    std::string place, value, flag;
};

struct RecipeFlags {
    std::vector<Change> changes;
    std::string schedule;  // a kind; empty: none was asked for

    /// What the flag of a place says; null: it was not given.
    const Change* find(const std::string& place) const;
};

// Each adds flags to --help, all in the group that is current.
void add_data_flags(CLI::App& app, RecipeFlags& flags);
void add_model_flags(CLI::App& app, RecipeFlags& flags);
/// Of the phase, of [training] and of no table.
void add_training_flags(CLI::App& app, RecipeFlags& flags);

}  // namespace vitrine::train
