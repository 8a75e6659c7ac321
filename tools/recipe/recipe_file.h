// Recipe files, and changes to them on the command line.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/toml_reader.h"

namespace vitrine::recipe {

/// Reads a TOML file. Throws Error naming the file, and the line that is no TOML.
toml::table read_toml(const std::string& path);

/// Puts a value at a place of a recipe: "training.batch_size", "phase.2.lr" (phases count from 1),
/// "transforms.validation.resize". "phase.lr" without a number is for recipes of one phase.
/// `value` is TOML; what is none, or more than one value, is taken as text. Throws Error naming `source`,
/// which is how the user wrote it ("--set a.b=c").
void set_value(toml::table& recipe, std::string_view place, std::string_view value,
               const std::string& source);

/// "a.b=c" as `--set` takes it.
void set_assignment(toml::table& recipe, std::string_view assignment);

/// Every value of a recipe as TOML under its place, both as set_value takes them: "phase.1.lr" → "0.1". A
/// list of values is one value; the tables of a list are counted from 1.
std::map<std::string, std::string> values_by_place(const toml::table& recipe);

/// A key in which two recipes differ.
struct Difference {
    std::string place;  // "phase.1.lr"
    // The values as TOML; nothing where it is not set.
    std::optional<std::string> there, here;

    /// "training.batch_size is 128 (there: 64)"
    std::string to_string() const;
};

/// What two recipes differ in, in the order of the places. Both texts are TOML.
std::vector<Difference> differences(const std::string& there, const std::string& here);

}  // namespace vitrine::recipe
