// What a pickle's value is asked: see pickle.h.

#include <array>

#include "engine/pickle.h"

namespace vitrine {

const PickleValue* PickleValue::find(std::string_view key) const {
    for (size_t i = 0; is(Kind::dict) && i + 1 < items.size(); i += 2) {
        if (items[i]->is(Kind::text) && items[i]->text == key) return items[i + 1];
    }
    return nullptr;
}

std::string_view name_of(PickleValue::Kind kind) {
    constexpr std::array<std::string_view, 13> names{
        "None",          "a bool",        "a whole number",   "a number", "a text",
        "bytes",         "a list",        "a tuple",          "a dict",   "a set",
        "a Python name", "a Python call", "something outside"};
    return names[static_cast<size_t>(kind)];
}

}  // namespace vitrine
