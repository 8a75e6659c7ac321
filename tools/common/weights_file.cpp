// Weights of any origin: see weights_file.h.

#include "tools/common/weights_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/error.h"
#include "engine/input_file.h"
#include "engine/torch_file.h"

namespace vitrine::tools {
namespace {

/// torch.nn.DataParallel's (and DistributedDataParallel's), and torch.compile's.
constexpr std::array<std::string_view, 2> wrappers{"module.", "_orig_mod."};

bool all_begin_with(const SafeTensors& state, std::string_view prefix) {
    return !state.tensors.empty() && std::ranges::all_of(state.tensors, [&](const SafeTensor& tensor) {
        return tensor.name.starts_with(prefix);
    });
}

/// Whatever stands before all names, in whichever order it was put there; returns it.
std::string take_wrappers_off(SafeTensors& state) {
    std::string taken;
    for (;;) {
        const auto prefix = std::ranges::find_if(
            wrappers, [&](std::string_view wrapper) { return all_begin_with(state, wrapper); });
        if (prefix == wrappers.end()) return taken;
        taken += *prefix;
        for (SafeTensor& tensor : state.tensors) tensor.name.erase(0, prefix->size());
    }
}

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
    const std::string source = path.string();
    WeightsFile file = parse(read_file(path), source);
    const std::string taken = take_wrappers_off(file.state);
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
