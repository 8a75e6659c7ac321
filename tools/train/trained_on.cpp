// What a model's file remembers of its images: see trained_on.h.

#include "tools/train/trained_on.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/parse_json.h"
#include "tools/common/base64.h"
#include "tools/train/metrics.h"

namespace vitrine::train {
namespace {

static_assert(std::endian::native == std::endian::little);  // as the file has them
constexpr size_t most_listed = 2'000'000;                   // the header of a safetensors file holds 100 MB
constexpr size_t key_bytes = sizeof(ImageKey);
static_assert(key_bytes == 16);

std::string packed(const DatasetIdentity& identity, Part part) {
    std::string bytes;
    for (const KnownImage& image : identity.images) {
        if (image.part != part) continue;
        const ImageKey key{name_hash(image.name), image.pixels};
        bytes.append(reinterpret_cast<const char*>(&key), key_bytes);
    }
    return tools::base64(bytes);
}

/// Throws an exception of some kind where it is none.
std::vector<ImageKey> unpacked(const Json& text, int64_t count) {
    const std::optional<std::string> bytes = tools::from_base64(text.get_ref<const std::string&>());
    if (!bytes || bytes->size() != static_cast<size_t>(count) * key_bytes)
        throw Error("a list is of another length");
    std::vector<ImageKey> keys(static_cast<size_t>(count));
    std::memcpy(keys.data(), bytes->data(), bytes->size());
    return keys;
}

int64_t whole(const Json& json, int64_t low, int64_t high) {
    if (!json.is_number_integer()) throw Error("a whole number is needed");
    const auto value = json.get<int64_t>();
    if (value < low || value > high) throw Error("a number is out of its range");
    return value;
}

uint64_t hash(const Json& json) {
    const auto& text = json.get_ref<const std::string&>();
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) throw Error("a hash is none");
    return value;
}

TrainedOn parse(const Json& json) {
    constexpr int64_t largest_side = 1 << 20, most_images = int64_t{1} << 40;
    TrainedOn data;
    if (json.contains("shape")) {
        const std::optional<ImageShape> shape = image_shape_of(json["shape"].get_ref<const std::string&>());
        if (!shape) throw Error("there is no such shape of images");
        data.keeping = {*shape, whole(json.at("side"), 0, largest_side)};
    }
    const int64_t least = data.keeping.shape == ImageShape::square ? 1 : 0;
    data.height = whole(json.at("height"), least, largest_side);
    data.width = whole(json.at("width"), least, largest_side);
    data.exif_orientation = json.contains("exif_orientation") && json["exif_orientation"].get<bool>();
    data.training_images = whole(json.at("training_images"), 0, most_images);
    data.validation_images = whole(json.at("validation_images"), 0, most_images);
    data.training_pixels = hash(json.at("training_pixels"));
    data.validation_pixels = hash(json.at("validation_pixels"));
    data.drawn = json.contains("training");
    if (!data.drawn) return data;
    data.training = unpacked(json.at("training"), data.training_images);
    data.validation = unpacked(json.at("validation"), data.validation_images);
    return data;
}

std::string hexadecimal(uint64_t value) { return fmt::format("{:016x}", value); }

/// Of the values of all images that have one, whatever their order.
template <class Value>
uint64_t hash_of_images(const DatasetIdentity& identity, Value value_of) {
    std::vector<uint64_t> values;
    for (const KnownImage& image : identity.images) {
        if (const std::optional<uint64_t> value = value_of(image)) values.push_back(*value);
    }
    std::ranges::sort(values);
    return XXH3_64bits(values.data(), values.size() * sizeof values[0]);
}

uint64_t labelled(const KnownImage& image) {
    return XXH3_64bits_withSeed(&image.pixels, sizeof image.pixels, static_cast<uint64_t>(image.label));
}

}  // namespace

uint64_t pixels_of(const DatasetIdentity& identity, Part part) {
    return hash_of_images(identity, [part](const KnownImage& image) {
        return image.part == part ? std::optional(image.pixels) : std::nullopt;
    });
}

Json image_hashes(const DatasetIdentity& identity) {
    const auto of_part = [&](std::optional<Part> part) {
        return hexadecimal(hash_of_images(identity, [part](const KnownImage& image) {
            return !part || image.part == *part ? std::optional(labelled(image)) : std::nullopt;
        }));
    };
    return {{"height", identity.height},
            {"width", identity.width},
            {"training", of_part(Part::training)},
            {"validation", of_part(Part::validation)},
            {"all", of_part(std::nullopt)}};
}

std::string to_metadata(const DatasetIdentity& identity) {
    Json json = {{"height", identity.height},
                 {"width", identity.width},
                 {"shape", name_of(identity.keeping.shape)},
                 {"side", identity.keeping.side},
                 {"exif_orientation", identity.exif_orientation},
                 {"training_images", identity.count(Part::training)},
                 {"validation_images", identity.count(Part::validation)},
                 {"training_pixels", hexadecimal(pixels_of(identity, Part::training))},
                 {"validation_pixels", hexadecimal(pixels_of(identity, Part::validation))}};
    const SplitDraw& draw = identity.draw;
    const bool is_drawn = draw.validation > 0.0 || draw.subset < 1.0 || draw.rearranged;
    if (is_drawn && identity.images.size() <= most_listed) {
        json["training"] = packed(identity, Part::training);
        json["validation"] = packed(identity, Part::validation);
    }
    return json.dump();
}

std::optional<TrainedOn> trained_on(const SafeTensors& file, const std::string& source) {
    const auto found = file.metadata.find("data");
    if (found == file.metadata.end()) return std::nullopt;
    try {
        return parse(parse_json<Json>(found->second,
                                      {.bytes = found->second.size(), .depth = 1, .values = 20, .keys = 12}));
    } catch (const std::exception&) {
        throw Error(fmt::format(
            "{}: what its metadata say of the images that it was trained on (data) cannot be read", source));
    }
}

}  // namespace vitrine::train
