// Recipe files, and changes to them: see recipe_file.h.

#include "tools/recipe/recipe_file.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <vector>

#include "engine/atomic_file.h"
#include "engine/error.h"
#include "tools/recipe/recipe.h"

namespace vitrine::recipe {
namespace {

std::vector<std::string> split(std::string_view place, const std::string& source) {
    std::vector<std::string> keys;
    for (size_t begin = 0; begin <= place.size();) {
        const size_t end = std::min(place.find('.', begin), place.size());
        if (end == begin) throw Error(fmt::format("{}: the key has an empty part", source));
        keys.emplace_back(place.substr(begin, end - begin));
        begin = end + 1;
    }
    if (keys.size() > most_key_parts)
        throw Error(fmt::format("{}: a key of more than {} parts", source, most_key_parts));
    return keys;
}

/// `text` as TOML if it is one value and nothing else: no further keys or tables, no comment that would be
/// dropped in silence.
std::optional<toml::table> as_one_value(std::string_view text, const std::string& source) {
    try {
        toml::table table = parse_toml(fmt::format("value = {}", text), source);
        // In brackets, a comment at the end would hide the closing one.
        const toml::table list = parse_toml(fmt::format("value = [{}]", text), source);
        const toml::array* values = list["value"].as_array();
        const bool one = table.size() == 1 && list.size() == 1 && values != nullptr && values->size() == 1;
        if (one) return table;
    } catch (const Error&) {
    }
    return std::nullopt;
}

/// The value as TOML, or as text where it is none: `--set model.name=mobilenet_v2` needs no quotes.
toml::table parse_value(std::string_view value, const std::string& source) {
    if (std::optional<toml::table> found = as_one_value(value, source)) return std::move(*found);
    return parse_toml(fmt::format("value = {}", toml_text(std::string(value))), source);
}

std::optional<size_t> as_number(const std::string& key) {
    size_t number = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    if (error != std::errc{} || end != key.data() + key.size()) return std::nullopt;
    return number;
}

/// The table at keys[next], made if it is not there; `next` moves behind it. An element of a list is two
/// keys, its name and its number.
toml::table& table_below(toml::table& table, const std::vector<std::string>& keys, size_t& next,
                         const std::string& source) {
    const std::string& key = keys[next++];
    toml::node* node = table.get(key);
    if (node == nullptr) node = &table.insert(key, toml::table{}).first->second;
    if (const toml::array* list = node->as_array(); list != nullptr && next + 1 < keys.size()) {
        const std::optional<size_t> number = as_number(keys[next]);
        if (!number || *number < 1 || *number > list->size())
            throw Error(fmt::format("{}: {} is a list of {}: name one by its number, {}.1 …", source, key,
                                    list->size(), key));
        node = node->as_array()->get(*number - 1);
        ++next;
    }
    if (toml::table* found = node->as_table()) return *found;
    throw Error(fmt::format("{}: {} is no table", source, key));
}

/// The phase that a number names, counted from 1; a place without one means the only phase.
toml::table& phase_at(toml::table& recipe, std::optional<size_t> number, const std::string& source) {
    toml::node* node = recipe.get("phase");
    if (node == nullptr) node = &recipe.insert("phase", toml::array{toml::table{}}).first->second;
    toml::array* phases = node->as_array();
    if (phases == nullptr) throw Error(fmt::format("{}: phase of the recipe is no list of tables", source));
    if (!number && phases->size() != 1)
        throw Error(fmt::format("{}: the recipe has {} phases; say which one: phase.1 … phase.{}", source,
                                phases->size(), phases->size()));
    const size_t wanted = number.value_or(1);
    toml::table* phase =
        wanted >= 1 && wanted <= phases->size() ? phases->get(wanted - 1)->as_table() : nullptr;
    if (phase == nullptr)
        throw Error(fmt::format("{}: the recipe has no phase {}; it has {}", source, wanted, phases->size()));
    return *phase;
}

void flatten(const toml::node& node, const std::string& place, std::map<std::string, std::string>& all) {
    if (const toml::table* table = node.as_table(); table != nullptr) {
        for (const auto& [key, value] : *table)
            flatten(value, place.empty() ? std::string(key.str()) : fmt::format("{}.{}", place, key.str()),
                    all);
    } else if (const toml::array* array = node.as_array(); array != nullptr && array->is_array_of_tables()) {
        for (size_t i = 0; i < array->size(); ++i)
            flatten(*array->get(i), fmt::format("{}.{}", place, i + 1), all);
    } else {
        all[place] = toml_value(node);
    }
}

}  // namespace

toml::table read_toml(const std::string& path) { return parse_toml(read_file(path, largest_toml), path); }

void set_value(toml::table& recipe, std::string_view place, std::string_view value,
               const std::string& source) {
    const std::vector<std::string> keys = split(place, source);
    toml::table* table = &recipe;
    size_t next = 0;
    if (keys[0] == "phase" && keys.size() > 1) {
        const std::optional<size_t> number = as_number(keys[1]);
        table = &phase_at(recipe, number, source);
        next = number ? 2 : 1;
    }
    if (next >= keys.size()) throw Error(fmt::format("{}: the key names a whole table", source));
    while (next + 1 < keys.size()) table = &table_below(*table, keys, next, source);
    toml::table parsed = parse_value(value, source);
    // Moved, because a copy of a node forgets where it was read.
    parsed.get("value")->visit([&](auto& node) { table->insert_or_assign(keys.back(), std::move(node)); });
}

void set_assignment(toml::table& recipe, std::string_view assignment) {
    const std::string source = fmt::format("--set {}", assignment);
    const size_t sign = assignment.find('=');
    if (sign == std::string_view::npos || sign == 0)
        throw Error(fmt::format("{}: KEY=VALUE is needed, such as training.batch_size=64", source));
    if (assignment.find_first_not_of(" \t\r\n", sign + 1) == std::string_view::npos)
        throw Error(fmt::format("{}: a value is needed, \"\" for an empty text", source));
    set_value(recipe, assignment.substr(0, sign), assignment.substr(sign + 1), source);
}

std::map<std::string, std::string> values_by_place(const toml::table& recipe) {
    std::map<std::string, std::string> all;
    flatten(recipe, "", all);
    return all;
}

std::string Difference::to_string() const {
    const std::string before = fmt::format("(there: {})", there.value_or("not set"));
    return here ? fmt::format("{} is {} {}", place, *here, before)
                : fmt::format("{} is not set {}", place, before);
}

std::vector<Difference> differences(const std::string& there, const std::string& here) {
    const auto before = values_by_place(parse_toml(there, "the run's recipe"));
    const auto now = values_by_place(parse_toml(here, "the recipe"));
    std::map<std::string, Difference> found;
    for (const auto& [place, value] : before) found[place] = {place, value, std::nullopt};
    for (const auto& [place, value] : now) {
        Difference& difference = found[place];
        difference.place = place;
        difference.here = value;
    }
    std::vector<Difference> all;
    for (auto& [place, difference] : found) {
        if (difference.there != difference.here) all.push_back(std::move(difference));
    }
    return all;
}

}  // namespace vitrine::recipe
