// Weights of any origin: see weights_file.h.

#include "tools/common/weights_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/error.h"
#include "engine/input_file.h"
#include "engine/torch_archive.h"
#include "engine/torch_file.h"

namespace vitrine::tools {
namespace {

/// torch.nn.DataParallel's (and DistributedDataParallel's), and torch.compile's.
constexpr std::array<std::string_view, 2> wrappers{"module.", "_orig_mod."};

WeightsFile parse(const std::string& content, const std::string& source) {
    WeightsFile file;
    if (looks_like_torch_file(content)) {
        TorchState found = parse_torch_file(content, source);
        file.state = std::move(found.state);
        if (!found.entry.empty())
            file.notices.push_back(fmt::format("{}: the weights are its entry {}", source, found.entry));
        return file;
    }
    constexpr size_t header_begins = 8;  // with a brace, behind its length
    if (content.size() <= header_begins || content[header_begins] != '{')
        throw Error(fmt::format("{} is neither a safetensors file nor one of PyTorch's torch.save", source));
    file.state = parse_safetensors(content, source);
    return file;
}

}  // namespace

std::string take_wrappers_off(const std::vector<std::string*>& names) {
    std::string taken;
    const auto stands_before_all = [&](std::string_view wrapper) {
        return !names.empty() && std::ranges::all_of(names, [&](const std::string* name) {
            return name->starts_with(wrapper);
        });
    };
    for (;;) {
        const auto prefix = std::ranges::find_if(wrappers, stands_before_all);
        if (prefix == wrappers.end()) return taken;
        taken += *prefix;
        for (std::string* name : names) name->erase(0, prefix->size());
    }
}

bool is_checkpoint(const SafeTensors& file) {
    return file.metadata.contains("progress") && file.metadata.contains("recipe");
}

SafeTensors part_of(const SafeTensors& file, std::string_view prefix) {
    SafeTensors part;
    part.metadata = file.metadata;
    for (const SafeTensor& tensor : file.tensors) {
        if (!tensor.name.starts_with(prefix)) continue;
        part.tensors.push_back(tensor);
        part.tensors.back().name.erase(0, prefix.size());
    }
    return part;
}

WeightsFile read_tensors(const std::filesystem::path& path) {
    return parse_tensors(read_file(path), path.string());
}

WeightsFile parse_tensors(const std::string& content, const std::string& source) {
    WeightsFile file = parse(content, source);
    std::vector<std::string*> names;
    for (SafeTensor& tensor : file.state.tensors) names.push_back(&tensor.name);
    const std::string taken = take_wrappers_off(names);
    if (!taken.empty())
        file.notices.push_back(fmt::format("{}: the prefix {} is taken off all names", source, taken));
    return file;
}

WeightsFile read_weights(const std::filesystem::path& path) {
    WeightsFile file = read_tensors(path);
    if (!is_checkpoint(file.state)) return file;
    const bool averages = file.state.find("ema_updates") != nullptr;
    file.state = part_of(file.state, averages ? "ema." : "model.");
    file.notices.push_back(fmt::format("{} is a run's checkpoint: only its {}weights are used", path.string(),
                                       averages ? "averaged " : ""));
    return file;
}

}  // namespace vitrine::tools
