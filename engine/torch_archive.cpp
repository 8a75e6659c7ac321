// A file of torch.save opened: see torch_archive.h.

#include "engine/torch_archive.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/error.h"
#include "engine/escape.h"

namespace vitrine {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view zip_begin = "PK\x03\x04";
/// 0x1950a86a20f9469cfc6c as a pickle has it: what torch.save wrote first before it wrote archives.
constexpr std::string_view legacy_magic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr size_t legacy_magic_within = 32;
constexpr std::string_view tar_magic = "ustar";
constexpr size_t tar_magic_at = 257;

constexpr uint64_t largest_pickle = 16 << 20;  // that of a thousand tensors has about 0.2 MB

bool is_legacy(std::string_view content) {
    return content.substr(0, legacy_magic_within).find(legacy_magic) != std::string_view::npos;
}
bool is_tar(std::string_view content) {
    return content.size() > tar_magic_at && content.substr(tar_magic_at).starts_with(tar_magic);
}
bool is_bare_pickle(std::string_view content) {
    return content.size() > 2 && content[0] == '\x80' && content[1] >= 2 && content[1] <= 5;
}

void refuse_older_formats(std::string_view content) {
    constexpr std::string_view what_to_do =
        "load it with torch.load, and save its state_dict with the torch.save of PyTorch 1.6 or newer";
    if (is_tar(content))
        throw Error(fmt::format("is in PyTorch's oldest format, a tar archive: {}", what_to_do));
    if (is_legacy(content))
        throw Error(
            fmt::format("is in PyTorch's format of before 1.6, pickles one after the other: {}", what_to_do));
    if (is_bare_pickle(content))
        throw Error("is a bare pickle and no file of torch.save: save a state_dict with torch.save");
}

/// "NAME/" of the archive's one NAME/data.pkl.
std::string folder_of(const ZipArchive& archive) {
    std::optional<std::string> folder;
    for (const std::string& name : archive.names()) {
        constexpr std::string_view pickle = "data.pkl";
        const bool below_one_folder = std::ranges::count(name, '/') == 1 && name.ends_with("/data.pkl");
        if (name != pickle && !below_one_folder) continue;
        if (folder) throw Error("has two data.pkl");
        folder = name.substr(0, name.size() - pickle.size());
    }
    if (!folder) throw Error("has no data.pkl: torch.save did not write it");
    return *folder;
}

void refuse_what_is_not_read(const ZipArchive& archive, const std::string& folder) {
    const bool script = std::ranges::any_of(archive.names(), [&](const std::string& name) {
        return name == folder + "constants.pkl" || name.starts_with(folder + "code/");
    });
    if (script)
        throw Error("holds a TorchScript module, which has code: save its state_dict with torch.save");
    const std::string order = folder + "byteorder";
    if (archive.has(order) && archive.read(order) != "little")
        throw Error("was not written on a little-endian machine");
}

std::string_view checked(std::string_view content) {
    refuse_older_formats(content);
    // libzip goes by the directory at the end alone.
    if (!content.starts_with(zip_begin)) throw Error("is no file of torch.save: it does not begin as one");
    return content;
}

Pickle read_pickle(const ZipArchive& archive, const std::string& folder) {
    refuse_what_is_not_read(archive, folder);
    if (archive.size(folder + "data.pkl") > largest_pickle)
        throw Error(fmt::format("has a data.pkl of more than {} MB", largest_pickle >> 20));
    const std::string bytes = archive.read(folder + "data.pkl");
    try {
        return parse_pickle(bytes, is_torch_global);
    } catch (const Error& error) {
        throw Error(fmt::format("has a data.pkl that {}", error.what()));
    }
}

std::string key_text(const PickleValue& key) {
    return key.is(Kind::text) ? escape(key.text) : std::string(name_of(key.kind));
}

}  // namespace

bool looks_like_torch_file(std::string_view content) {
    return content.starts_with(zip_begin) || is_tar(content) || is_legacy(content) || is_bare_pickle(content);
}

TorchArchive::TorchArchive(std::string_view content)
    : archive_(checked(content)),
      folder_(folder_of(archive_)),
      pickle_(read_pickle(archive_, folder_)),
      storages_(archive_, folder_, content.size()) {}

std::string describe_object(const PickleValue& value) {
    if (is_torch_tensor(value)) return "a tensor";
    if (!value.is(Kind::dict)) return std::string(name_of(value.kind));
    if (value.items.empty()) return "an empty dict";
    constexpr size_t most = 8;
    const size_t count = value.items.size() / 2;
    std::vector<std::string> keys, others;
    for (size_t i = 0; i < count; ++i) {
        const PickleValue &key = *value.items[2 * i], &element = *value.items[2 * i + 1];
        if (keys.size() < most) keys.push_back(key_text(key));
        if (!key.is(Kind::text) || !is_torch_tensor(element))
            others.push_back(fmt::format("{}, which is {}", key_text(key), name_of(element.kind)));
    }
    if (!others.empty() && others.size() < count)
        return fmt::format("a dict of tensors and of {}", others.front());
    return fmt::format("a dict of {}{}", fmt::join(keys, ", "), count > most ? ", …" : "");
}

}  // namespace vitrine
