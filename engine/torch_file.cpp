// What torch.save writes: see torch_file.h.

#include "engine/torch_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <optional>
#include <set>

#include "engine/error.h"
#include "engine/escape.h"
#include "engine/torch_archive.h"

namespace vitrine {
namespace {

using Kind = PickleValue::Kind;

/// Under which people keep a state_dict among other things, the one that is taken first.
constexpr std::array entries{
    "model", "state_dict", "model_state_dict", "model_state",    "net",       "network", "weights", "params",
    "ema",   "model_ema",  "state_dict_ema",   "ema_state_dict", "params_ema"};

/// A dict of texts and their tensors, and not an empty one.
bool is_state_dict(const PickleValue& value) {
    if (!value.is(Kind::dict) || value.items.empty()) return false;
    for (size_t i = 0; i < value.items.size(); i += 2) {
        if (!value.items[i]->is(Kind::text) || !is_torch_tensor(*value.items[i + 1])) return false;
    }
    return true;
}

struct Found {
    const PickleValue* state = nullptr;
    std::string entry;
};

Found find_state_dict(const PickleValue& top) {
    if (is_state_dict(top)) return {&top, ""};
    for (const char* entry : entries) {
        const PickleValue* value = top.find(entry);
        if (value != nullptr && is_state_dict(*value)) return {value, entry};
    }
    throw Error(fmt::format(
        "holds {}, where a state_dict is needed (texts and their tensors): the object itself, or its "
        "entry {}",
        describe_object(top), fmt::join(entries, ", ")));
}

TorchState parse(std::string_view content) {
    TorchArchive archive(content);
    const Found found = find_state_dict(archive.top());
    TorchState result;
    result.entry = found.entry;
    std::set<std::string_view> names;
    const auto& items = found.state->items;
    for (size_t i = 0; i < items.size(); i += 2) {
        const std::string& name = items[i]->text;
        if (!names.insert(name).second) throw Error(fmt::format("has the tensor {} twice", escape(name)));
        result.state.tensors.push_back(archive.tensor(name, *items[i + 1]));
    }
    return result;
}

}  // namespace

TorchState parse_torch_file(std::string_view content, const std::string& source) {
    try {
        return parse(content);
    } catch (const Error& error) {
        throw Error(fmt::format("{} {}", source, error.what()));
    }
}

}  // namespace vitrine
